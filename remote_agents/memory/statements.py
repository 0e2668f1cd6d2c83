"""The statements of the SQL store: written with SQLAlchemy, run on the driver."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from remote_agents.database import create_table, insert_into
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject

if TYPE_CHECKING:
    from sqlalchemy import Dialect, Engine, Table


SCHEMA_VERSION = 5
FIRST = ("conversation_id", "whole_id", "created")  # with which a conversation begins
MOVING = ("turns", "count", "known", "held", "system", "history", "broke_off", "ids", "last_used")
COLUMNS = (*FIRST, *MOVING)


class Statements:
    """The statements of a table, each compiled once.

    Args:
        sa: SQLAlchemy.
        dialect: Of the database.
        table_name: The table.
    """

    def __init__(self, sa: ModuleType, dialect: Dialect, table_name: str) -> None:
        self.table = _table(sa, table_name)
        compiled = {
            name: statement.compile(dialect=dialect)
            for name, statement in _statements(sa, dialect.name, self.table).items()
        }
        self._prepared = {name: (str(each), each.positiontup) for name, each in compiled.items()}

    def prepared(self, name: str, values: JsonObject) -> tuple[str, Any]:
        """The text of a statement and its values, as the driver takes them."""
        text, order = self._prepared[name]
        return text, values if order is None else tuple(map(values.__getitem__, order))


def _statements(sa: ModuleType, dialect: str, table: Table) -> JsonObject:
    dialogue = table.c.dialogue == sa.bindparam("d")
    mine = dialogue & (table.c.holder == sa.bindparam("h"))
    one = dialogue & (table.c.conversation_id == sa.bindparam("c"))
    new = table.c.turns == sa.literal_column("0")
    free = {"holder": sa.null(), "until": sa.literal_column("0")}

    def saved(names: Iterable[str]) -> Any:
        values = {**free, **{name: sa.bindparam(name) for name in names}}
        return table.update().where(mine).values(values)

    old = table.c.last_used <= sa.bindparam("before")
    return {
        "read": sa.select(*(table.c[name] for name in COLUMNS), table.c.since, table.c.until)
        .where(dialogue)
        .order_by(table.c.last_used.desc()),
        "begin": _begin(sa, dialect, table),
        "begin_as_known": _begin_as_known(sa, table),
        "drop": table.delete().where(mine & new),
        "give_back": table.update().where(mine).values(free),
        "replace": _replace(sa, table, one),
        "go_on": saved(MOVING).where(table.c.conversation_id == sa.bindparam("c")),
        "save": saved(COLUMNS),
        "renew": table.update().where(mine).values(until=sa.bindparam("until")),
        "forget": table.delete().where(one),
        "delete": table.delete().where(dialogue),
        "purge": table.delete().where(old & (table.c.until < sa.bindparam("now"))),
    }


def _replace(sa: ModuleType, table: Table, one: Any) -> Any:
    """Delete what others hold of a conversation, if this turn holds something of its dialogue."""
    others = table.c.holder.is_(None) | (table.c.holder != sa.bindparam("h"))
    again = table.alias()
    held = sa.exists().where(
        again.c.dialogue == sa.bindparam("d"), again.c.holder == sa.bindparam("h")
    )
    return table.delete().where(one & others & held)


def _table(sa: ModuleType, name: str) -> Table:
    table: Table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("dialogue", sa.String(64), primary_key=True),
        sa.Column("conversation_id", sa.String(512), primary_key=True),
        sa.Column("whole_id", sa.Text),  # where it does not fit there
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("known", sa.Integer, nullable=False),
        sa.Column("held", sa.LargeBinary, nullable=False),
        sa.Column("system", sa.LargeBinary, nullable=False),
        sa.Column("history", sa.Boolean, nullable=False),
        sa.Column("broke_off", sa.Boolean, nullable=False),
        sa.Column("ids", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("last_used", sa.Float, nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("since", sa.Float),
        sa.Column("until", sa.Float, nullable=False),
    )
    return table


def _begin(sa: ModuleType, dialect: str, table: Table) -> Any:
    """Insert a conversation, or take it over if nobody's lease runs and it has not moved on."""
    names = (*COLUMNS, "dialogue", "holder", "since", "until")
    insert = insert_into(dialect)(table).values({name: sa.bindparam(name) for name in names})
    given = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[table.c.dialogue, table.c.conversation_id],
        set_={name: given[name] for name in ("holder", "since", "until", "last_used")},
        where=(table.c.until < sa.bindparam("now")) & (table.c.count <= given.count),
    )


def _begin_as_known(sa: ModuleType, table: Table) -> Any:
    """Take a conversation that nobody has, if nobody has written in its dialogue since."""
    other = table.alias()
    used_since = sa.exists().where(
        other.c.dialogue == sa.bindparam("d"),
        other.c.conversation_id != sa.bindparam("c"),
        other.c.last_used > sa.bindparam("others_used"),
    )
    values = {name: sa.bindparam(name) for name in ("holder", "since", "until")}
    return (
        table.update()
        .where(
            table.c.dialogue == sa.bindparam("d"),
            table.c.conversation_id == sa.bindparam("c"),
            table.c.until == sa.literal_column("0"),
            table.c.turns == sa.bindparam("turns"),
            table.c.last_used == sa.bindparam("used"),
            ~used_since,
        )
        .values({**values, "last_used": sa.bindparam("since")})
    )


# --- the database --------------------------------------------------------------------------------


def create(sa: ModuleType, engine: Engine, table: Table, secret: bytes) -> bytes:
    """Make the tables if they are missing; several processes may do so at once.

    Returns:
        The secret that was kept when they were made.

    Raises:
        ConfigurationError: They were made by another version.
    """
    about = sa.Table(
        f"{table.name}_version",
        table.metadata,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
    )
    _check(sa, engine, table, about)
    # The version first: who sees the table without it sees an older library's, not half of ours.
    for missing in (about, table):
        create_table(sa, engine, missing)
    with engine.begin() as connection:
        kept = {"version": SCHEMA_VERSION, "secret": secret}
        connection.execute(
            insert_into(engine.dialect.name)(about).values(kept).on_conflict_do_nothing()
        )
        return bytes(connection.execute(sa.select(about.c.secret)).scalar_one())


def _check(sa: ModuleType, engine: Engine, table: Table, about: Table) -> None:
    """Refuse tables of another version, with the line that drops them."""
    found = {name for name in sa.inspect(engine).get_table_names() if name.startswith(table.name)}
    with engine.connect() as connection:
        if about.name in found:
            versions = connection.execute(sa.select(about.c.version)).scalars().all()
        else:
            versions = [1] if table.name in found else []
    if versions and max(versions) != SCHEMA_VERSION:
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        where = f", of {file}," if file else ""
        raise ConfigurationError(
            f"The table {table.name}{where} was made by another version of remote-agents (schema "
            f"{max(versions)}, this one has {SCHEMA_VERSION}). It holds no text; to begin anew: "
            f"DROP TABLE {table.name}; DROP TABLE {about.name};"
        )
