"""What the server says to bytes that are no HTTP: the same form of error as everywhere."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from grader_service.errors import RequestRefused
from grader_service.http.errors import error_answer
from grader_service.http.observed import new_request_id

REFUSAL: Final = RequestRefused("These bytes are no HTTP request.", code="invalid_http")


class Protocol(HttpToolsProtocol):
    """uvicorn's own, but for its one answer in plain text."""

    def send_400_response(self, msg: str) -> None:
        answer = error_answer(REFUSAL)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        headers.append((b"x-request-id", new_request_id()))
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%s\r\n%s" % (lines, answer.body))
        self.transport.close()
