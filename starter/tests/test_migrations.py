from flask import Flask


def test_the_models_and_the_database_agree(app: Flask):
    result = app.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


def test_the_migrations_run_down_and_up(app: Flask):
    for command in (["db", "downgrade", "base"], ["db", "upgrade"]):
        result = app.test_cli_runner().invoke(args=command)
        assert result.exit_code == 0, result.output
