"""The shop's tables as SQLAlchemy models, and its rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Engine, ForeignKey, Index, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """All tables."""


class User(Base):
    """A person."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    is_staff: Mapped[bool] = mapped_column(default=False)
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", deferrable=True, initially="DEFERRED"))


class Product(Base):
    """Something for sale."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("price_cents >= 0"), CheckConstraint("stock >= 0", name="stock_is_not_negative"))
    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    price_cents: Mapped[int]
    stock: Mapped[int]
    weight: Mapped[float | None]


class Order(Base):
    """An order with its lines."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'shipped', 'cancelled')"),
        Index("orders_by_user", "user_id", "status"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(default="pending")
    total_cents: Mapped[int]
    note: Mapped[str | None]
    created_at: Mapped[str]
    updated_at: Mapped[str | None]
    items: Mapped[list[OrderItem]] = relationship(order_by="OrderItem.line", cascade="all, delete-orphan")


class OrderItem(Base):
    """A line of an order."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity > 0"),)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    product: Mapped[Product] = relationship()


class Tag(Base):
    """A label."""

    __tablename__ = "tags"
    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str | None]


class Journal(Base):
    """What happened."""

    __tablename__ = "journal"
    id: Mapped[int] = mapped_column(primary_key=True)
    entry: Mapped[str]


def engine_of(path: str) -> Engine:
    """An engine over a file of SQLite, with foreign keys on."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _foreign_keys(connection: Any, _: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    return engine


def fill(engine: Engine) -> None:
    """Make the tables, and the rows of the shop."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            [
                User(id=1, name="Ann; O'Hara", email="ann@example.org", is_staff=False),
                User(id=2, name="Bo", email="bo@example.org", is_staff=True),
                Product(id=1, sku="K-1", title="Blue kettle", price_cents=2450, stock=5, weight=1.25),
                Product(id=2, sku="M-1", title="Mug", price_cents=900, stock=12),
                Product(id=3, sku="T-1", title="Tea", price_cents=333, stock=0, weight=0.5),
                Tag(code="new", label="New"),
                Tag(code="sale"),
                Journal(entry="opened"),
            ]
        )
        session.flush()
        for number, user, status, total, day in ((17, 1, "pending", 5800, 1), (18, 1, "shipped", 900, 2), (19, 2, "pending", 333, 3)):
            session.add(Order(id=number, user_id=user, status=status, total_cents=total, created_at=f"2026-02-0{day} 10:00:00"))
        session.flush()
        for order, line, product, quantity in ((17, 1, 1, 2), (17, 2, 2, 1), (18, 1, 2, 1), (19, 1, 3, 1)):
            session.add(OrderItem(order_id=order, line=line, product_id=product, quantity=quantity))
        session.commit()
