"""`POST /oauth_token.do` (servicenow-api 4.1)."""

from urllib.parse import parse_qsl

from aiohttp import web

from services.simulator.servicenow.oauth import REFUSED, Refused, basic_credentials
from services.simulator.servicenow.site import Site
from services.simulator.servicenow.web.call import JSON, reply


async def handle(site: Site, request: web.Request) -> web.StreamResponse:
    """Form-encoded only; every failure is 401 `server_error`, which is not worth a retry."""
    form = _form(request, await request.read()) if request.method == "POST" else {}
    await site.gate.before(request, "servicenow.oauth", form.get("grant_type", ""))
    try:
        basic = basic_credentials(request.headers.get("Authorization", ""))
        key = str(site.modes["jwt_public_key"])
        response = reply(200, site.tokens.grant(form, basic, site.state.accounts, key))
    except Refused:
        response = web.Response(body=REFUSED, status=401)
        response.headers["Content-Type"] = JSON
    return await site.gate.after(request, "servicenow.oauth", response, form.get("grant_type", ""))


def _form(request: web.Request, body: bytes) -> dict[str, str]:
    """The form's fields; empty for any other content type, so that the grant fails."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
