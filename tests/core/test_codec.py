from multillama.core.codec import Losses, Misfit


def test_a_misfit_tells_the_place_and_what_is_wanted_there():
    assert str(Misfit("a[0]", "must be a text")) == "a[0] must be a text"


def test_losses_begin_empty():
    assert Losses().names == ()


def test_a_hint_that_is_left_out_is_named_and_is_not_grave():
    losses = Losses()
    losses.drop("cache")
    losses.drop("top_k")

    assert (losses.names, losses.grave) == (("cache", "top_k"), ("top_k",))
