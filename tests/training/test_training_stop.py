"""Ctrl-C in two stages."""

import signal
import threading

import pytest

from undertone.training.stop import StopFlag, stop_on_interrupt


def test_the_first_press_asks_and_the_second_interrupts():
    with stop_on_interrupt() as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_handler_of_before_comes_back_even_after_an_error():
    before = signal.getsignal(signal.SIGINT)

    def fail():
        with stop_on_interrupt() as stop:
            assert signal.getsignal(signal.SIGINT) is stop
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - its own
        fail()
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_there_is_nothing_to_listen_to():
    found = []

    def work():
        before = signal.getsignal(signal.SIGINT)
        with stop_on_interrupt() as stop:
            found.append((stop.requested, signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, True)]


def test_a_flag_is_set_by_its_first_call_alone():
    flag = StopFlag()
    flag(signal.SIGINT, None)
    assert flag.requested
    with pytest.raises(KeyboardInterrupt):
        flag(signal.SIGINT, None)
