"""What alembic runs: the migrations, in the transaction of the connection that it was given."""

from alembic import context

from grader_service.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
