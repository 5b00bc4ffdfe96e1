"""`make new` and `make update`, with the default rooms; `make test-new` tries the others."""

from pathlib import Path

import pytest
from made import ROOT, files, found, git, new, passes

from new import writing
from new.__main__ import main
from new.names import Names, plural_of
from new.rooms import ROOMS
from new.words import renamed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "my shöps"
    done = new(folder, model="CoffeeShop")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_what_is_made_passes_its_tests(made: Path, database_url: str):
    passes(made, "pytest", "-q", "-p", "no:cacheprovider", DATABASE_URL=database_url)


def test_what_is_made_is_formatted(made: Path):
    passes(made, "ruff", "check", "--no-cache")
    passes(made, "ruff", "format", "--check", "--no-cache")


def test_no_word_of_the_starter_or_of_the_stations_is_left(made: Path):
    assert found(made, "(?i)widget|starterapp|station") == []


def test_names_of_several_words_are_read_as_words(made: Path):
    api = (made / "shops/coffee_shops/api.py").read_text()
    assert '"""List the coffee shops in the order of their ids, a page at a time."""' in api
    assert "class CoffeeShop(BaseModel):" in (made / "shops/models.py").read_text()
    page = (made / "shops/coffee_shops/templates/coffee_shops/index.html").read_text()
    assert "Add a coffee shop" in page
    assert "{% for coffee_shop in coffee_shops %}" in page


def test_each_sentence_that_is_different_without_a_room_is_in_the_starter():
    texts = [(writing.STARTER / path).read_text() for path in writing.files()]
    sentences = [sentence for room in ROOMS.values() for sentence in room.instead]
    assert [s for s in sentences if not any(s in text for text in texts)] == []


def test_what_is_made_is_one_commit_on_two_branches(made: Path):
    assert git(made, "branch", "--format=%(refname:short)").split() == ["main", "starter"]
    assert git(made, "rev-list", "--count", "--all") == "1"
    assert git(made, "status", "--porcelain", "--untracked-files=no") == ""


def lines(paths: list[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_missing_if_a_room_is_left_out(tmp_path: Path, room: str):
    writing.write(tmp_path, Names("shops", "Shop", "shops"), {room})
    passes(tmp_path, "ruff", "check", "--no-cache")


def test_a_newcomer_can_read_it_in_one_sitting():
    starter = ROOT / "starter"
    code = [starter / path for path in files(starter) if path.suffix == ".py"]
    own = [path for path in code if not path.is_symlink() or path.name in writing.READ]
    own = [path for path in own if not {"tests", "versions"} & set(path.parts)]
    closed = [path for path in code if path.is_symlink() and path not in own]
    assert [path.name for path in own if lines([path]) > 150] == []
    assert lines(own) <= 700
    assert lines(closed) <= 1_565


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "flask"}, "NAME=flask: this is the name of an installed module"),
        ({"name": "test"}, "NAME=test: this is the name of an installed module"),
        ({"name": "class"}, "NAME=class: this is a word of Python's"),
        ({"name": "my-shops"}, "NAME=my-shops: expected lower-case letters"),
        ({"name": "Shops"}, "NAME=Shops: expected lower-case letters"),
        ({"name": ""}, "NAME is missing: run, for example, make new NAME="),
        ({"name": "config"}, "NAME=config: the application has something else of this name"),
        ({"model": "shop"}, "MODEL=shop: expected a noun such as Shop"),
        ({"model": ""}, "MODEL is missing: run, for example, make new NAME="),
        ({"model": "Class"}, "MODEL=Class: class is a word of Python's"),
        ({"model": "List"}, "MODEL=List: list is a word of Python's"),
        ({"model": "Page"}, "MODEL=Page: the starter uses page for something else"),
        ({"model": "Account"}, "MODEL=Account: the starter uses accounts for something else"),
        ({"model": "Asset"}, "MODEL=Asset: the starter uses assets for something else"),
        ({"model": "Doc"}, "MODEL=Doc: the starter uses doc for something else"),
        ({"model": "Sheep", "plural": "sheep"}, "PLURAL=sheep: expected another word"),
        ({"plural": "my-shops"}, "PLURAL=my-shops: expected a plural"),
        ({"without": "cellar"}, "cellar: expected rooms of api, pages, auth, doctor, embedded"),
        ({"without": "api,pages"}, "an application needs the room api, or pages, or both"),
        ({"only": "api", "without": "auth"}, "use WITH= or WITHOUT=, not both"),
        ({"folder": str(ROOT)}, "is there already: use another with DIR="),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(
    tmp_path: Path, options: dict, reason: str, capsys: pytest.CaptureFixture
):
    options = {"name": "shops", "model": "Shop", "folder": str(tmp_path / "new")} | options
    assert main([f"--{name}={value}" for name, value in options.items()]) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_without_git_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--name=shops", "--model=Shop", f"--folder={tmp_path / 'new'}"]) == 1
    assert "git is missing: install it" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("shop", "shops"),
        ("category", "categories"),
        ("day", "days"),
        ("box", "boxes"),
        ("branch", "branches"),
        ("person", "people"),
        ("bus_stop", "bus_stops"),
    ],
)
def test_the_plural_is_the_usual_one(singular: str, plural: str):
    assert plural_of(singular) == plural


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("Shop", "# Add a shop"),
        ("Owner", "# Add an owner"),
        ("User", "# Add a user"),
        ("Hour", "# Add an hour"),
        ("OpenHour", "# Add an open hour"),
    ],
)
def test_the_article_fits(model: str, text: str):
    names = Names("shops", model, "unused")
    assert renamed(Path("module.py"), "# Add a widget", names) == text
