"""Multipart uploads, parsed as they arrive: each part of the field ``files`` becomes a file."""

from __future__ import annotations

from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from echocast.model.errors import short
from echocast.model.formats.file_names import safe_name
from echocast.service.decoding.uploads import Upload, UploadedFile
from echocast.service.errors import MalformedBody

FIELD = "files"
HEADER_BYTES_LIMIT = 8192


class MultipartFiles:
    """A push parser that writes the files of a ``multipart/form-data`` body into an upload.

    Args:
        boundary: From the ``Content-Type`` header.
        upload: Takes the files.
        files_limit: Most files.
    """

    def __init__(self, boundary: str, upload: Upload, files_limit: int) -> None:
        if not boundary:
            raise MalformedBody("The multipart content type has no boundary.")
        self.upload = upload
        self.files_limit = files_limit
        self.file: UploadedFile | None = None
        self.headers: list[bytes] = []
        self.ended = False
        self.parser = self._parser(boundary)

    def _parser(self, boundary: str) -> MultipartParser:
        try:
            return MultipartParser(
                boundary.encode("latin-1", "replace"),
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise MalformedBody(f"The multipart boundary is broken: {short(error)}.") from error

    def feed(self, data: bytes) -> None:
        """Parse bytes that arrived.

        Raises:
            MalformedBody: They are no multipart body, or a part is not wanted.
        """
        try:
            self.parser.write(data)
        except FormParserError as error:
            raise MalformedBody(f"The multipart body is broken: {short(error)}.") from error

    def finish(self) -> None:
        """No more bytes arrive.

        Raises:
            MalformedBody: The body broke off, or held no file.
        """
        if not self.ended:
            raise MalformedBody("The multipart body breaks off before its closing boundary.")
        if not self.upload.files:
            raise MalformedBody(f"The multipart body holds no file in the field '{FIELD}'.")

    def _begin(self) -> None:
        self.headers = []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        if not self.headers or b":" not in self.headers[-1]:
            self._header(b": ")
        self._header(data[start:end])

    def _header(self, data: bytes) -> None:
        if not self.headers:
            self.headers.append(b"")
        self.headers[-1] += data
        if sum(map(len, self.headers)) > HEADER_BYTES_LIMIT:
            raise MalformedBody(f"A part has more than {HEADER_BYTES_LIMIT} bytes of headers.")

    def _header_end(self) -> None:
        self.headers.append(b"")

    def _headers_finished(self) -> None:
        field, name = _field_and_name(self.headers)
        if field != FIELD:
            raise MalformedBody(f"Files are sent in the field '{FIELD}', not in another one.")
        if len(self.upload.files) >= self.files_limit:
            raise MalformedBody(f"At most {self.files_limit} files may be sent at once.")
        self.file = self.upload.open(safe_name(name))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self.file is not None:
            self.file.write(data[start:end])

    def _part_end(self) -> None:
        if self.file is not None:
            self.file.close()
        self.file = None

    def _end(self) -> None:
        self.ended = True


def _field_and_name(headers: list[bytes]) -> tuple[str, str]:
    """The field of a part, and the name of its file.

    Raises:
        MalformedBody: They can't be read, as with a character set that is none.
    """
    message = Message()
    try:
        for header in filter(None, headers):
            name, _, value = header.decode("utf-8", "replace").partition(":")
            message[name] = value.strip()
        field = message.get_param("name", "", "content-disposition")
        return str(field), message.get_filename() or "file"
    except (ValueError, LookupError) as error:
        raise MalformedBody(f"The headers of a part are broken: {short(error)}.") from error
