from flask import Blueprint
from sqlalchemy import select

from .extensions import db
from .models import Customer, Order

bp = Blueprint("cart", __name__, cli_group=None)


@bp.get("/orders")
def orders():
    return {"orders": [order.customer.name for order in db.session.scalars(select(Order))]}


@bp.cli.command("report")
def report():
    for customer in db.session.scalars(select(Customer)):
        print(customer.name, [len(order.items) for order in customer.orders])
