"""What a browser sends as a form."""

import asyncio
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import Request
from starlette.exceptions import HTTPException

READ_S = 10.0


async def fields_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form; none where it is not one.

    Raises:
        HTTPException: it does not arrive in time.
    """
    try:
        async with asyncio.timeout(READ_S):
            body = await request.body()
    except TimeoutError as error:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
    try:
        return parse_qs(body.decode(errors="replace"), max_num_fields=20)
    except ValueError:
        return {}


async def form_of(request: Request) -> dict[str, str]:
    """As ``fields_of``; of a field that stands twice, the first."""
    return {name: values[0] for name, values in (await fields_of(request)).items()}
