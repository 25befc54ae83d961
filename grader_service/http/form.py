"""A form with a file in it, read while it arrives; the file is never whole in memory."""

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from grader_service.errors import RequestRefused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELDS = 32
MAX_FIELD_BYTES = 4096


class UploadForm:
    """`feed` it the body, and take the pieces of the part `file`; the other parts are `fields`."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise RequestRefused(
                "A file is uploaded as multipart/form-data with the parts `file` and `purpose`.",
                status=415,
            )
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._pieces: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._header = [b"", b""]
        self._name = ""
        self._value = b""
        self._parts = 0
        self._ended = False
        try:
            self._parser = MultipartParser(options[b"boundary"], self._callbacks())
        except FormParserError as error:
            raise _broken(error) from None

    def feed(self, data: bytes) -> list[bytes]:
        """What these bytes bring of the file.

        Raises:
            RequestRefused: 400 for what is no form.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _broken(error) from None
        pieces, self._pieces = self._pieces, []
        return pieces

    def close(self) -> None:
        """Raises RequestRefused: 400 where the form has no end, or no file."""
        if not self._ended:
            raise RequestRefused("The form ends too early.")
        if self.filename is None:
            raise RequestRefused(
                "Missing required parameter: 'file'. Send it as a part with a filename.",
                param="file",
            )

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": lambda data, start, end: self._take(data[start:end]),
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers = {}
        self._value = b""
        self._parts += 1
        if self._parts > MAX_FIELDS:
            raise RequestRefused(f"The form has more than {MAX_FIELDS} parts.")

    def _add(self, place: int, data: bytes) -> None:
        self._header[place] += data

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[name.lower()] = value
        self._header = [b"", b""]

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self.filename is not None:
                raise RequestRefused("The form has two files; upload one at a time.", param="file")
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace") or "upload"

    def _take(self, data: bytes) -> None:
        if self._name == "file":
            self._pieces.append(data)
            return
        self._value += data
        if len(self._value) > MAX_FIELD_BYTES:
            raise RequestRefused(
                f"The part {self._name[:60]!r} of the form is too large.", param=self._name[:60]
            )

    def _close(self) -> None:
        if self._name != "file":
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def _broken(error: FormParserError) -> RequestRefused:
    return RequestRefused(f"The body is no valid form: {error}")
