"""Recipes are complete, valid configurations, and the command line names them all."""

import pytest

from tinykd import find_recipe
from tinykd.config import Config, parse_config
from tinykd.datasets import load_dataset
from tinykd.errors import ConfigError, DataError
from tinykd.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_passes_every_check_of_a_file(name):
    recipe = find_recipe(name)
    assert parse_config(recipe.model_dump(), source=name) == recipe
    assert RECIPES[name].__doc__


def test_digits_is_what_a_build_without_arguments_runs():
    assert find_recipe("digits") == Config()


def test_recipes_do_not_share_a_build_directory():
    names = [recipe().name for recipe in RECIPES.values()]
    assert len(set(names)) == len(names)


def test_an_unknown_recipe_is_answered_with_those_there_are():
    with pytest.raises(
        ConfigError, match=r"no recipe 'mnist'\. Recipes: diabetes, digits, fashion-mnist, "
    ):
        find_recipe("mnist")


@pytest.mark.parametrize("command", ["build", "teacher", "distill", "quantize", "evaluate"])
def test_the_help_names_every_recipe(cli, command):
    text = " ".join(cli(command, "--help").out.split())
    assert all(name in text for name in RECIPES)


@pytest.mark.parametrize("name", ["gestures", "keywords"])
def test_a_recipe_for_data_of_your_own_asks_for_it(name):
    with pytest.raises(
        DataError, match=rf"no file '{name}\.npz'\. Give an \.npz file \(--data FILE\)"
    ):
        load_dataset(find_recipe(name).data)
