"""Every bad input of the list has a row of the table, or a test that is named here."""

from tests.http import test_guards_of_requests, test_time
from tests.http.faults import FAULTS
from tests.http.table import CASES

TESTS = {
    24: test_time.test_a_head_that_drips_in_is_cut_off_in_time,
    30: test_guards_of_requests.test_g12_pipelined_requests_are_answered_in_order,
    35: test_time.test_ten_megabytes_in_chunks_of_one_byte_end_early,
    39: test_time.test_a_client_that_stops_is_told_so_and_left,
    42: test_time.test_hostile_json_is_refused_at_once,
}


def test_each_bad_input_of_the_list_is_tried():
    tried = {number for case in CASES for number in case.faults} | TESTS.keys()

    assert tried == FAULTS.keys()
    assert sorted(FAULTS) == list(range(1, 46))
