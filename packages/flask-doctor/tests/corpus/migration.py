"""What an error of the corpus is raised in that a migration met."""

revision = "a1b2c3d4e5f6"
down_revision = None


def upgrade(error):
    raise error
