"""The shop as it is usually built: a FastAPI application with one endpoint for each tool, and SQLAlchemy over a file of SQLite."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from benchmarks.peer.models import Journal, Order, OrderItem, Product, Tag, User

ME = 1

TOOLS = (
    "list_orders",
    "get_order",
    "place_order",
    "cancel_order",
    "delete_order",
    "find_product",
    "add_user",
    "set_stock",
    "plain_order",
    "drop_tag",
    "set_mentor",
)
"""The tools of the shop that a shop has; the others are there to try what a world can do."""


class Line(BaseModel):
    """What to order of a product."""

    product_id: int
    quantity: int = Field(ge=1, le=99)


class NewOrder(BaseModel):
    """An order to place."""

    items: list[Line] = Field(min_length=1, max_length=20)
    note: str | None = Field(None, max_length=100)


class NewUser(BaseModel):
    """A person to add."""

    name: str
    email: str
    is_staff: bool = False


class Stock(BaseModel):
    """How many there are of a product."""

    product_id: int
    stock: int


class PlainOrder(BaseModel):
    """An order without lines."""

    user_id: int
    total_cents: int


class Mentor(BaseModel):
    """Who looks after whom."""

    user_id: int
    mentor_id: int


class OrderRow(BaseModel):
    """An order in a list."""

    id: int
    status: str
    total_cents: int
    is_open: bool


def now() -> str:
    """The time as the tables keep it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def document(order: Order) -> dict[str, Any]:
    """An order with what is in it."""
    items = [{"sku": item.product.sku, "quantity": item.quantity} for item in order.items]
    return {"id": order.id, "status": order.status, "items": items}


def add_reads(app: FastAPI, database: Any) -> None:
    """The endpoints that leave the state alone."""

    @app.get("/orders", operation_id="list_orders")
    def list_orders(
        session: Annotated[Session, Depends(database)],
        status: Literal["pending", "shipped", "cancelled"] | None = None,
        limit: Annotated[int, Query(ge=1, le=50)] = 20,
    ) -> list[OrderRow]:
        """List your orders."""
        wanted = select(Order).where(Order.user_id == ME).order_by(Order.id).limit(limit)
        found = session.scalars(wanted if status is None else wanted.where(Order.status == status))
        return [OrderRow(id=o.id, status=o.status, total_cents=o.total_cents, is_open=o.status == "pending") for o in found]

    @app.get("/orders/{order_id}", operation_id="get_order")
    def get_order(session: Annotated[Session, Depends(database)], order_id: int) -> dict[str, Any]:
        """Get an order."""
        order = session.get(Order, order_id)
        if order is None:
            raise HTTPException(404, f"There is no order {order_id}.")
        items = [{"product_id": item.product_id, "quantity": item.quantity} for item in order.items]
        head = {"id": order.id, "status": order.status, "total_cents": order.total_cents}
        return {"order": head, "items": items, "doc": document(order), "count": len(items)}

    @app.get("/products", operation_id="find_product")
    def find_product(session: Annotated[Session, Depends(database)], title: Annotated[str, Query(min_length=1)]) -> dict[str, Any] | None:
        """Find a product by its title."""
        product = session.scalars(select(Product).where(Product.title == title)).first()
        if product is None:
            return None
        return {name: getattr(product, name) for name in ("id", "sku", "title", "price_cents", "weight")}


def add_orders(app: FastAPI, database: Any) -> None:
    """The endpoints that change orders."""

    @app.post("/orders", operation_id="place_order")
    def place_order(session: Annotated[Session, Depends(database)], wanted: NewOrder) -> dict[str, Any]:
        """Place an order."""
        order = Order(user_id=ME, total_cents=0, note=wanted.note, created_at=now(), updated_at=now())
        for number, line in enumerate(wanted.items, 1):
            product = session.get(Product, line.product_id)
            if product is None:
                raise HTTPException(404, f"There is no product {line.product_id}.")
            if product.stock < line.quantity:
                raise HTTPException(409, f"Product {line.product_id} has fewer than {line.quantity} in stock.")
            product.stock -= line.quantity
            order.total_cents += product.price_cents * line.quantity
            order.items.append(OrderItem(line=number, product=product, quantity=line.quantity))
        session.add(order)
        session.flush()
        placed = document(order)
        session.commit()
        return placed

    @app.post("/orders/{order_id}/cancel", operation_id="cancel_order")
    def cancel_order(session: Annotated[Session, Depends(database)], order_id: int) -> dict[str, Any]:
        """Cancel an order."""
        order = session.scalars(select(Order).where(Order.id == order_id, Order.user_id == ME)).first()
        if order is None:
            raise HTTPException(404, f"You have no order {order_id}.")
        if order.status != "pending":
            raise HTTPException(409, f"Order {order_id} is {order.status}, not pending.")
        for item in order.items:
            item.product.stock += item.quantity
        order.status, order.updated_at = "cancelled", now()
        session.add(Journal(entry=f"cancelled {order_id}"))
        cancelled = {"id": order.id, "status": order.status, "refunded_cents": order.total_cents}
        session.commit()
        return cancelled


def add_endings(app: FastAPI, database: Any) -> None:
    """The endpoints that end orders, and the one for those without lines."""

    @app.delete("/orders/{order_id}", operation_id="delete_order")
    def delete_order(session: Annotated[Session, Depends(database)], order_id: int) -> int:
        """Delete an order."""
        order = session.scalars(select(Order).where(Order.id == order_id, Order.user_id == ME)).first()
        if order is None:
            raise HTTPException(404, f"No order {order_id}.")
        session.delete(order)
        session.commit()
        return order_id

    @app.post("/plain-orders", operation_id="plain_order")
    def plain_order(session: Annotated[Session, Depends(database)], wanted: PlainOrder) -> dict[str, Any]:
        """Place an order without lines."""
        if wanted.total_cents == 13:
            raise HTTPException(409, "Thirteen cents bring bad luck.")
        order = Order(user_id=wanted.user_id, total_cents=wanted.total_cents, created_at=now())
        session.add(order)
        session.flush()
        placed = {"id": order.id, "created_at": order.created_at, "now": now(), "today": now()[:10]}
        session.commit()
        return placed


def add_writes(app: FastAPI, database: Any) -> None:
    """The endpoints that change anything else."""

    @app.post("/users", operation_id="add_user")
    def add_user(session: Annotated[Session, Depends(database)], wanted: NewUser) -> dict[str, Any]:
        """Add a person."""
        user = User(name=wanted.name, email=wanted.email, is_staff=wanted.is_staff)
        session.add(user)
        session.flush()
        added = {"id": user.id, "name": user.name, "is_staff": user.is_staff}
        session.commit()
        return added

    @app.post("/stock", operation_id="set_stock")
    def set_stock(session: Annotated[Session, Depends(database)], wanted: Stock) -> int | None:
        """Set the stock of a product."""
        product = session.get(Product, wanted.product_id)
        if product is None:
            return None
        product.stock = wanted.stock
        session.commit()
        return wanted.stock

    @app.delete("/tags/{code}", operation_id="drop_tag")
    def drop_tag(session: Annotated[Session, Depends(database)], code: str) -> int | None:
        """Drop a tag."""
        tag = session.get(Tag, code)
        if tag is None:
            raise HTTPException(404, f"There is no tag {code}.")
        session.delete(tag)
        session.flush()
        left = session.scalar(select(func.count()).select_from(Tag))
        session.commit()
        return left

    @app.post("/mentors", operation_id="set_mentor")
    def set_mentor(session: Annotated[Session, Depends(database)], wanted: Mentor) -> int | None:
        """Set who looks after a person."""
        user = session.get(User, wanted.user_id)
        if user is None:
            raise HTTPException(404, f"There is no person {wanted.user_id}.")
        user.mentor_id = wanted.mentor_id
        session.commit()
        return wanted.mentor_id


def shop_app(engine: Engine) -> FastAPI:
    """The application over a database that is there."""
    app = FastAPI(title="Shop")

    def database() -> Iterator[Session]:
        with Session(engine) as session:
            try:
                yield session
            except IntegrityError as problem:
                raise HTTPException(409, str(problem.orig)) from problem

    add_reads(app, database)
    add_orders(app, database)
    add_endings(app, database)
    add_writes(app, database)
    return app
