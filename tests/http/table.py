"""The table: every row, in the order of a request's parts."""

from tests.http import rows_body, rows_chunks, rows_connection, rows_fields, rows_framing, rows_line

CASES = (
    rows_line.ROWS
    + rows_fields.ROWS
    + rows_framing.ROWS
    + rows_chunks.ROWS
    + rows_connection.ROWS
    + rows_body.ROWS
)
