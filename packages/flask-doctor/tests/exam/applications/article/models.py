from app import db


class BaseModel(db.Model):
    __abstract__ = True

    id = db.Column(db.Integer, primary_key=True)

    def json(self):
        return {column.name: getattr(self, column.name) for column in self.__table__.columns}


class Line(BaseModel):
    __tablename__ = "lines"

    name = db.Column(db.String(40), unique=True, nullable=False)
    color = db.Column(db.String(7))


class Station(BaseModel):
    __tablename__ = "stations"

    code = db.Column(db.String(5), unique=True, nullable=False)
    name = db.Column(db.String(80), nullable=False)
    lat = db.Column(db.Float)
    lng = db.Column(db.Float)
    platforms = db.Column(db.Integer)
    line_id = db.Column(db.Integer, db.ForeignKey("lines.id"))
    line = db.relationship("Line", backref="stations")
