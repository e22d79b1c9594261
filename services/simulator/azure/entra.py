"""Microsoft Entra ID: discovery and the token endpoint, as far as azure-identity (MSAL) uses them."""

import hmac
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import web

from services.simulator.azure.bearer import TokenMint, unb64
from services.simulator.azure.errors import Refusal
from services.simulator.clock import Clock
from services.simulator.gate import Gate

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RESOURCES = (
    "https://management.azure.com", "https://management.core.windows.net", "https://management.usgovcloudapi.net",
    "https://management.core.usgovcloudapi.net", "https://graph.microsoft.com", "https://vault.azure.net",
)  # fmt: skip


class Entra:
    """One tenant with one application that has a secret and trusts one federated issuer."""

    def __init__(
        self, tenant_id: str, client_id: str, client_secret: str, mint: TokenMint, gate: Gate, clock: Clock
    ) -> None:
        self._tenant_id = tenant_id
        self._client_id = client_id
        self._secret = client_secret
        self._mint = mint
        self._gate = gate
        self._clock = clock
        self.app = web.Application()
        self.app.router.add_get("/common/discovery/instance", self.instance)
        self.app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self.openid)
        self.app.router.add_get("/{tenant}/discovery/v2.0/keys", self.keys)
        self.app.router.add_post("/{tenant}/oauth2/v2.0/token", self.token)

    async def instance(self, request: web.Request) -> web.Response:
        """Instance discovery, for clients that don't switch it off."""
        host = request.host
        return web.json_response(
            {
                "tenant_discovery_endpoint": f"https://{host}/{self._tenant_id}/v2.0/.well-known/openid-configuration",
                "api-version": request.query.get("api-version", "1.1"),
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    async def openid(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        if not self._known(tenant):
            return self._unknown_tenant(tenant).response()
        base = f"https://{request.host}/{self._tenant_id}"
        return web.json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "request_uri_parameter_supported": False,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": []})

    async def token(self, request: web.Request) -> web.StreamResponse:
        """client_credentials with a secret or with a federated assertion."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        await self._gate.before(request, "login.token")
        try:
            response = web.json_response(self._grant(request.match_info["tenant"], form))
        except Refusal as refusal:
            response = refusal.response()
        response.headers["Cache-Control"] = "no-store, no-cache"
        response.headers["x-ms-request-id"] = str(uuid4())
        return await self._gate.after(request, "login.token", response)

    def _grant(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        if not self._known(tenant):
            raise self._unknown_tenant(tenant)
        grant = form.get("grant_type")
        if not grant:
            raise self._missing("grant_type")
        if grant != "client_credentials":
            raise self._refusal(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant}'.",
            )
        client = form.get("client_id")
        if not client:
            raise self._missing("client_id")
        if client.lower() != self._client_id.lower():
            raise self._refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client}' was not found in the directory "
                "'Contoso'. This can happen if the "
                "application has not been installed by the administrator of the tenant or "
                "consented to by any user in "
                "the tenant. You may have sent your authentication request to the wrong tenant.",
            )
        self._authenticate(form)
        audience = self._audience(form.get("scope"))
        lifetime = self._mint.lifetime
        return {
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": self._mint.issue(self._client_id, audience),
        }

    def _authenticate(self, form: Mapping[str, str]) -> None:
        if form.get("client_assertion_type") == _ASSERTION and form.get("client_assertion"):
            self._check_assertion(form["client_assertion"])
            return
        secret = form.get("client_secret")
        if not secret:
            raise self._refusal(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or "
                "'client_secret'.",
            )
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            raise self._refusal(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is "
                "the client secret value, "
                f"not the client secret ID, for a secret added to app '{self._client_id}'.",
            )

    def _check_assertion(self, assertion: str) -> None:
        """A Kubernetes service account token: readable, for Entra, not expired.

        Its signature is not checked here.
        """
        try:
            claims = msgspec.json.decode(unb64(assertion.split(".")[1]), type=dict[str, Any])
        except (IndexError, ValueError, msgspec.MsgspecError):
            raise self._refusal(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from None
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if "api://AzureADTokenExchange" not in audiences:
            raise self._refusal(
                401,
                "invalid_client",
                700212,
                "No matching federated identity record found for presented assertion audience "
                f"'{audience}'. Please check "
                "your federated identity credential Subject, Audience and Issuer against the "
                "presented assertion.",
            )
        if int(claims.get("exp", 0)) <= self._clock.now().timestamp():
            raise self._refusal(
                401, "invalid_client", 700024, "Client assertion is not within its valid time range."
            )

    def _audience(self, scope: str | None) -> str:
        if not scope:
            raise self._missing("scope")
        names = [part for part in scope.split() if part not in {"openid", "profile", "offline_access"}]
        name = names[0] if names else ""
        if not name.endswith("/.default"):
            raise self._refusal(
                400,
                "invalid_scope",
                1002012,
                f"The provided value for scope {scope} is not valid. Client credential flows must "
                "have a scope value with "
                "/.default suffixed to the resource identifier (application ID URI).",
            )
        resource = name[: -len("/.default")]
        if resource.rstrip("/") not in _RESOURCES:
            raise self._refusal(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {resource} was not found in the tenant named "
                "Contoso. This can happen if "
                "the application has not been installed by the administrator of the tenant or "
                "consented to by any user "
                "in the tenant. You might have sent your authentication request to the wrong tenant.",
            )
        return resource

    def _known(self, tenant: str) -> bool:
        return tenant.lower() == self._tenant_id.lower()

    def _missing(self, parameter: str) -> Refusal:
        return self._refusal(
            400,
            "invalid_request",
            900144,
            f"The request body must contain the following parameter: '{parameter}'.",
        )

    def _unknown_tenant(self, tenant: str) -> Refusal:
        return self._refusal(
            400,
            "invalid_tenant" if "-" in tenant else "invalid_request",
            90002,
            f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and "
            "are signing into the "
            "correct cloud. Check with your subscription administrator, this may happen if there "
            "are no active "
            "subscriptions for the tenant.",
        )

    def _refusal(self, status: int, error: str, code: int, sentence: str) -> Refusal:
        """Entra's error body (real: OfficeDev/microsoft-365-agents-toolkit#8621)."""
        moment = self._clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = str(uuid4()), str(uuid4())
        return Refusal(
            status,
            {
                "error": error,
                "error_description": f"AADSTS{code}: {sentence} Trace ID: {trace} Correlation ID: "
                f"{correlation} "
                f"Timestamp: {moment}",
                "error_codes": [code],
                "timestamp": moment,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={code}",
            },
        )
