from multillama.web.sessions import ID_BYTES, LIFETIME_S, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_opened_session_is_open_until_it_is_closed() -> None:
    sessions = Sessions(Clock())
    session = sessions.open()

    before = sessions.is_open(session)
    sessions.close(session)

    assert (before, sessions.is_open(session)) == (True, False)


def test_a_session_ends_by_itself() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    session = sessions.open()

    clock.now = LIFETIME_S - 1.0
    early = sessions.is_open(session)
    clock.now = float(LIFETIME_S)

    assert (early, sessions.is_open(session)) == (True, False)


def test_the_oldest_session_makes_room_for_a_new_one() -> None:
    sessions = Sessions(Clock(), limit=2)

    first, second, third = (sessions.open() for _ in range(3))

    assert [sessions.is_open(each) for each in (first, second, third)] == [False, True, True]


def test_ids_are_256_random_bits() -> None:
    sessions = Sessions(Clock())

    ids = {sessions.open() for _ in range(50)}

    assert ID_BYTES * 8 == 256
    assert len(ids) == 50
    assert all(len(each) == 43 for each in ids)


def test_what_was_never_opened_is_not_open() -> None:
    sessions = Sessions(Clock())
    sessions.open()

    assert not any(sessions.is_open(each) for each in ("", "x", "\udcff", "a" * 100_000))


def test_closing_a_stranger_does_nothing() -> None:
    sessions = Sessions(Clock())
    session = sessions.open()

    sessions.close("another")

    assert sessions.is_open(session)


def test_all_sessions_can_be_ended_together():
    sessions = Sessions(lambda: 0.0)
    opened = [sessions.open(), sessions.open()]

    sessions.close_all()

    assert [sessions.is_open(session) for session in opened] == [False, False]
