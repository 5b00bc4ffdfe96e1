from flask import Blueprint
from sqlalchemy import select

from .extensions import db
from .models import Product

bp = Blueprint("catalog", __name__)


@bp.get("/")
def index():
    products = db.session.scalars(select(Product).order_by(Product.title))
    return {"products": [{"sku": p.sku, "title": p.title, "price": p.price} for p in products]}
