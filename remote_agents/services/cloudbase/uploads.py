"""Files for CloudBase agents: links as they are, bytes and paths through the cloud storage."""

from __future__ import annotations

import re
import uuid
from functools import partial

from remote_agents.errors import StreamProtocolError
from remote_agents.flow import Call, Flow, Once, Request
from remote_agents.types import Attachment, Turn
from remote_agents.uploads import Upload, digest_of, load_upload
from remote_agents.wire.json import items, mapping, text


def links_of(asked: Turn) -> Flow[list[str]]:
    """The links and `cloud://` ids of a turn's files; what is no link yet is uploaded."""
    links = [str(link) for link in asked.options.get("files") or ()]
    for message in asked.messages:
        for attachment in message.attachments:
            link = yield from link_of(attachment)
            links += [link]
    return links


def link_of(attachment: Attachment) -> Flow[str]:
    """The link of a file; its content, or the file at its path, is uploaded first.

    The storage is another host: it gets the signature that CloudBase gave for this file, and none
    of our credentials.

    Raises:
        UnsupportedContentError: It is too large (it was not read), or there is none.
    """
    known = attachment.url or attachment.file_id
    if known:
        return known
    upload = yield from load_upload(attachment)
    link: str = yield Once(digest_of(upload), partial(_stored, upload))
    return link


# The storage is asked for a place by the file's name, and answers with an address that holds it.
_NO_PART_OF_AN_ADDRESS = re.compile(r"[\x00-\x1f\x7f#%?\\]|^\.+$")


def _stored(upload: Upload) -> Flow[str]:
    """Upload a file; gives its `cloud://` id."""
    name, content, kind = upload
    place = f"remote-agents/{uuid.uuid4().hex}/{_NO_PART_OF_AN_ADDRESS.sub('_', name)}"
    asked = [{"objectId": place}]
    path = "/v1/storages/get-objects-upload-info"
    answer = yield Call(Request("POST", path, json=asked, safe=True))
    given = mapping(next(iter(items(answer.data)), None))
    url, file_id = text(given.get("uploadUrl")), text(given.get("cloudObjectId"))
    if not url or not file_id:
        said = text(given.get("message")) or "it gave no address to upload to"
        raise StreamProtocolError(f"CloudBase's storage took no file: {said}.")
    headers = {
        "Authorization": text(given.get("authorization")),
        "X-Cos-Security-Token": text(given.get("token")),
        "X-Cos-Meta-Fileid": text(given.get("cloudObjectMeta")),
        "Content-Type": kind,
    }
    yield Call(Request("PUT", url, content=content, headers=headers, foreign=True))
    return file_id
