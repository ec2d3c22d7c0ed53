from multillama.core.codec import Losses, Misfit


def test_a_misfit_tells_the_place_and_what_is_wanted_there():
    assert str(Misfit("a[0]", "must be a text")) == "a[0] must be a text"


def test_losses_begin_empty():
    assert Losses().names == ()
