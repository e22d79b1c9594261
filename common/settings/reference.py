"""Values that live elsewhere: in a variable or in a mounted file that may change while we run."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationInfo, model_validator

from common.errors import Fatal


class Reference(BaseModel):
    """`{env: NAME}`, `{file: PATH}` or, where it is no secret, the text itself.

    A relative path counts from the directory of the YAML file (validation context `base`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    env: str | None = None
    file: Path | None = None
    value: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return cls._plain(given) if isinstance(given, str) else given

    @classmethod
    def _plain(cls, text: str) -> dict[str, str]:
        return {"value": text}

    @model_validator(mode="after")
    def _exactly_one(self, info: ValidationInfo) -> Self:
        if sum(part is not None for part in (self.env, self.file, self.value)) != 1:
            raise ValueError("must name one place; write {env: NAME} or {file: PATH}")
        if self.file and not self.file.is_absolute() and info.context:
            return self.model_copy(update={"file": info.context["base"] / self.file})
        return self

    def read(self) -> SecretStr:
        """The present value, read anew each time, without a trailing newline.

        Raises Fatal `secret_missing`, naming the variable or the file, when it is absent or empty.
        """
        if self.value is not None:
            return SecretStr(self.value)
        if self.env is not None:
            text = os.environ.get(self.env, "")
            place = f"the environment variable {self.env}"
        else:
            place = f"the file {self.file}"
            try:
                text = Path(str(self.file)).read_text(encoding="utf-8").rstrip("\r\n")
            except OSError as error:
                raise Fatal("secret_missing", f"{place} can't be read: {error.strerror}; mount it") from error
        if not text:
            raise Fatal("secret_missing", f"{place} is empty or not set; put the secret there")
        return SecretStr(text)

    def __str__(self) -> str:
        return f"env {self.env}" if self.env else f"file {self.file}" if self.file else "given text"


class SecretReference(Reference):
    """A Reference that refuses a secret written into the YAML file."""

    @classmethod
    def _plain(cls, text: str) -> dict[str, str]:
        del text
        raise ValueError("must not stand in this file; write {env: NAME} or {file: PATH}")

    @model_validator(mode="after")
    def _nothing_plain(self) -> Self:
        if self.value is not None:
            raise ValueError("must not stand in this file; write {env: NAME} or {file: PATH}")
        return self
