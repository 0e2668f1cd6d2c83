"""MaiAgent's attachments: a file, however it is given, as a form or straight to the storage."""

from __future__ import annotations

import mimetypes
import os
from functools import partial

from remote_agents.errors import StreamProtocolError
from remote_agents.flow import Call, Do, Flow, Request
from remote_agents.resources.items import Attachment
from remote_agents.resources.methods import Resource, calls
from remote_agents.resources.requests import path_segment, post_item
from remote_agents.services.maiagent.chat import attach, kind_of
from remote_agents.types import Attachment as File, AttachmentKind, kind_named
from remote_agents.types.contents import Content, check_size, content_of
from remote_agents.uploads import load_upload
from remote_agents.wire.json import mapping, text

Source = str | os.PathLike[str] | Content


class Attachments(Resource):
    """Files for messages."""

    def _upload(
        self,
        file: Source,
        *,
        filename: str | None = None,
        mime_type: str | None = None,
        type: str | None = None,  # noqa: A002 - the service's own word
    ) -> Flow[Attachment]:
        """Upload a file as a form.

        Args:
            file: A path, the content as bytes, or an open binary file, which is read from where it
                stands; at most 100 MiB.
            filename: The name that the service is told (default: the file's own).
            mime_type: For example `image/png` (default: by the name).
            type: `image`, `audio` or `other` (default: by the MIME type).

        Returns:
            The file as the service holds it; put it into `attachments` of a message.

        Raises:
            UnsupportedContentError: The file is too large; it was not read.
        """
        record = yield from attach((yield from _opened(file, filename, mime_type, type)), anew=True)
        return Attachment(record)

    def _upload_presigned(
        self,
        file: Source,
        *,
        filename: str | None = None,
        mime_type: str | None = None,
        type: str | None = None,  # noqa: A002 - the service's own word
        conversation_id: str | None = None,
    ) -> Flow[Attachment]:
        """Upload a file straight to the storage behind the service, which then is told of it.

        The storage is another host: it gets the service's signature and none of our credentials.

        Args:
            file: As for `upload`.
            filename: As for `upload`.
            mime_type: As for `upload`.
            type: As for `upload`.
            conversation_id: Keep the file with this conversation.
        """
        where = ""
        if conversation_id is not None:
            where = f"conversations/{path_segment(conversation_id)}/"
        opened = yield from _opened(file, filename, mime_type, type)
        return (yield from self._presigned(opened, where))

    def _presigned(self, file: File, where: str) -> Flow[Attachment]:
        kind = kind_of(file)
        name, content, mime_type = yield from load_upload(file)
        asked = {
            "filename": name,
            "modelName": "attachment",
            "fieldName": "file",
            "fileSize": len(content),
        }
        answer = yield Call(Request("POST", "/api/upload-presigned-url/", json=asked, safe=True))
        url, fields = text(mapping(answer.data).get("url")), mapping(answer.data).get("fields")
        if not url or not isinstance(fields, dict):
            raise StreamProtocolError(
                "MaiAgent gave no address to upload to.", endpoint=self.agent.endpoint.name
            )
        form = {key: str(value) for key, value in fields.items()}
        files = {"file": (name, content, mime_type)}
        yield Call(Request("POST", url, data=form, files=files, foreign=True))
        stored = {"file": form.get("key"), "filename": name, "type": kind}
        return (yield from post_item(f"/api/{where}attachments/", stored, Attachment))

    upload, aupload = calls(_upload)
    upload_presigned, aupload_presigned = calls(_upload_presigned)


def _opened(
    file: Source, filename: str | None, mime_type: str | None, kind: str | None
) -> Flow[File]:
    """The same as `attachment_of`, off the event loop: it may read, and so may `mimetypes`."""
    look = partial(attachment_of, file, filename, mime_type, kind)
    opened: File = yield Do(look, blocks=True)
    return opened


def attachment_of(
    file: Source, filename: str | None, mime_type: str | None, kind: str | None
) -> File:
    """An attachment from a path, the content, or an open binary file.

    Raises:
        UnsupportedContentError: The file is too large (it was not read), or none of these.
    """
    if isinstance(file, (str, os.PathLike)):
        path = os.fspath(file)
        name = filename or os.path.basename(path)
        return File(_kind(kind, mime_type, name), path=path, mime_type=mime_type, filename=name)
    name = filename or os.path.basename(str(getattr(file, "name", "file")))
    content = content_of(file, name)
    check_size(name, len(content))
    return File(_kind(kind, mime_type, name), data=content, mime_type=mime_type, filename=name)


def _kind(kind: str | None, mime_type: str | None, name: str) -> AttachmentKind:
    if kind is None:
        kind = (mime_type or mimetypes.guess_type(name)[0] or "").split("/")[0]
    return kind_named(kind)
