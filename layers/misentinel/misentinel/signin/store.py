"""What sign-in keeps in ``-secrets``: logins, seeds and the counters of guesses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from misentinel import clock
from misentinel.errors import InvalidCredentials, TooManyAttempts, Unavailable
from misentinel.settings import settings
from misentinel.signin.limits import CODE_GUESSES, PASSWORD_GUESSES, Limit
from misentinel.tenancy import Authority, Suffix, acting_as, aws, table_name

FOREVER = 253_402_300_799
"""The end of the year 9999: when the TTL would forget a real account."""

FORGET_AFTER = 2
"""Windows after which the TTL may forget a counter that belongs to no account."""

MAX_RACES = 5
"""How often a counter may change under us before we give up, and with us the guess."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account's secrets as they are; everything is empty for an account that does not exist."""

    key: str
    member: str = ""
    password_hash: str | None = None
    seed: bytes | None = None
    pending_seed: bytes | None = None


@contextmanager
def failing_closed() -> Iterator[None]:
    """Turn any trouble with the store into 503: a limit that cannot be counted is never passed."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise Unavailable from error


class Secrets:
    """The ``-secrets`` of one tenant. Only functions that may take the sign-in role reach it."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._table = table_name(tenant, Suffix.SECRETS)

    def spend_guess(self, key: str, limit: Limit) -> Login:
        """Count a guess at a login and return the login, the same whether the account exists.

        The first guess opens a window; in it guesses are counted up to the limit. Both are single
        conditional updates that also read the account, so that of any number of parallel guesses
        exactly the limit pass. One call for a guess that opens the window or is refused, two for those
        between.

        Raises
        ------
        TooManyAttempts
            The limit is reached; nothing was counted.
        Unavailable
            The store does not answer.
        """
        now = clock.epoch()
        keep = "expires_at = if_not_exists(keep_until, :forget)"
        opening = (
            f"SET #count = :one, #until = :until, {keep}",
            "attribute_not_exists(#until) OR #until <= :now",
            {":until": now + limit.seconds},
        )
        counting = (
            f"SET #count = #count + :one, {keep}",
            "#until > :now AND #count < :limit",
            {":limit": limit.attempts},
        )
        for race in range(MAX_RACES):
            update, condition, values = counting if race % 2 else opening
            changed, item = self._update(
                (f"login#{key}", "login"),
                update,
                condition,
                {**values, ":one": 1, ":now": now, ":forget": now + FORGET_AFTER * limit.seconds},
                {"#count": limit.counter, "#until": limit.window},
            )
            if changed:
                return _login(key, item)
            until = int(item[limit.window]["N"]) if limit.window in item else 0
            if until > now and int(item[limit.counter]["N"]) >= limit.attempts:
                raise TooManyAttempts(retry_after=until - now)
        raise Unavailable

    def spend_attempt(self, pk: str, limit: Limit) -> None:
        """Count an attempt that no account is known for, in one call.

        Its window is one of the clock's, and an item of its own that the TTL forgets.

        Raises
        ------
        TooManyAttempts
            The limit is reached; nothing was counted.
        Unavailable
            The store does not answer.
        """
        now = clock.epoch()
        ends = (now // limit.seconds + 1) * limit.seconds
        counted, _ = self._update(
            (pk, f"{limit.counter}#{ends}"),
            "SET #count = if_not_exists(#count, :none) + :one, expires_at = :forget",
            "attribute_not_exists(#count) OR #count < :limit",
            {":none": 0, ":one": 1, ":limit": limit.attempts, ":forget": ends + limit.seconds},
            {"#count": limit.counter},
        )
        if not counted:
            raise TooManyAttempts(retry_after=ends - now)

    def set_pending_seed(self, login: Login, seed: bytes) -> None:
        """Keep a seed that waits for its first code; one that is in use already stays."""
        self._require(
            login,
            "SET totp_pending = :seed",
            "password_hash = :hash AND attribute_not_exists(totp_seed)",
            {":seed": seed, ":hash": login.password_hash},
        )

    def claim_step(self, login: Login, step: int) -> None:
        """Spend a time step's code, once; a success gives back the guesses that led to it.

        A pending seed is promoted by its first right code in the same update. The condition holds the
        login as it was read: who changes the password or seed meanwhile wins.

        Raises
        ------
        InvalidCredentials
            The step, or a later one, was used before.
        """
        condition = "password_hash = :hash AND (attribute_not_exists(totp_last_step) OR totp_last_step < :step)"
        forgiven = [name for each in (PASSWORD_GUESSES, CODE_GUESSES) for name in (each.counter, each.window)]
        values: dict[str, Any] = {
            ":step": step,
            ":hash": login.password_hash,
            ":seed": login.seed or login.pending_seed,
        }
        if login.seed:
            update = f"SET totp_last_step = :step REMOVE {', '.join(forgiven)}"
            condition += " AND totp_seed = :seed"
        else:
            update = f"SET totp_last_step = :step, totp_seed = :seed REMOVE totp_pending, {', '.join(forgiven)}"
            condition += " AND attribute_not_exists(totp_seed) AND totp_pending = :seed"
        self._require(login, update, condition, values)

    def replace_hash(self, login: Login, password_hash: str) -> Login:
        """Keep a password's new hash.

        Raises
        ------
        InvalidCredentials
            Somebody changed the password meanwhile.
        """
        self._require(
            login,
            "SET password_hash = :new",
            "password_hash = :hash",
            {":new": password_hash, ":hash": login.password_hash},
        )
        return replace(login, password_hash=password_hash)

    def create_login(self, key: str, member: str, password_hash: str, proof: str) -> Login | None:
        """Give a member a password; earlier secrets under the same e-mail go, counted guesses stay.

        Returns the login in the way, if this proof made one already; else ``None``.
        """
        changed, item = self._update(
            (f"login#{key}", "login"),
            "SET #member = :member, password_hash = :hash, proof = :proof, keep_until = :forever, "
            "expires_at = :forever REMOVE totp_seed, totp_pending, totp_last_step",
            "attribute_not_exists(proof) OR proof <> :proof",
            {":member": member, ":hash": password_hash, ":proof": proof, ":forever": FOREVER},
            {"#member": "member"},
        )
        return None if changed else _login(key, item)

    def delete_login(self, key: str, member: str) -> None:
        """Forget a member's secrets; those of a later member of the same e-mail stay."""
        with acting_as(self.tenant, Authority.SIGN_IN), failing_closed():
            try:
                aws("dynamodb").delete_item(
                    TableName=self._table,
                    Key=_key(f"login#{key}", "login"),
                    ConditionExpression="attribute_not_exists(pk) OR #member = :member",
                    ExpressionAttributeNames={"#member": "member"},
                    ExpressionAttributeValues={":member": {"S": member}},
                )
            except ClientError as error:
                if not _is_condition(error):
                    raise

    def seal(self, member: str, seed: str) -> bytes:
        """Encrypt a seed for one member: KMS opens it again only with the same tenant and member."""
        with acting_as(self.tenant, Authority.SIGN_IN), failing_closed():
            answer = aws("kms").encrypt(
                KeyId=settings().secrets_key_arn,
                Plaintext=seed.encode(),
                EncryptionContext={"tenant": self.tenant, "member": member},
            )
        return bytes(answer["CiphertextBlob"])

    def unseal(self, member: str, sealed: bytes) -> str:
        """Decrypt a member's seed."""
        with acting_as(self.tenant, Authority.SIGN_IN), failing_closed():
            answer = aws("kms").decrypt(
                KeyId=settings().secrets_key_arn,
                CiphertextBlob=sealed,
                EncryptionContext={"tenant": self.tenant, "member": member},
            )
        return bytes(answer["Plaintext"]).decode()

    def _require(self, login: Login, update: str, condition: str, values: Mapping[str, Any]) -> None:
        """Change a login that is still this member's, or refuse."""
        changed, _ = self._update(
            (f"login#{login.key}", "login"),
            update,
            f"#member = :member AND {condition}",
            {**values, ":member": login.member},
            {"#member": "member"},
        )
        if not changed:
            raise InvalidCredentials

    def _update(
        self,
        key: tuple[str, str],
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> tuple[bool, dict[str, Any]]:
        """One conditional update: whether it was made, and the item after it or in its way."""
        arguments: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        with acting_as(self.tenant, Authority.SIGN_IN), failing_closed():
            try:
                answer = aws("dynamodb").update_item(
                    TableName=self._table,
                    Key=_key(*key),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={name: _value(each) for name, each in values.items()},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **arguments,
                )
            except ClientError as error:
                if not _is_condition(error):
                    raise
                in_the_way: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment] # botocore's stub forgets Item
                return False, in_the_way
        return True, answer["Attributes"]


def _is_condition(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _value(value: str | int | bytes) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}


def _login(key: str, item: Mapping[str, Any]) -> Login:
    text = {name: each["S"] for name, each in item.items() if "S" in each}
    data = {name: bytes(each["B"]) for name, each in item.items() if "B" in each}
    return Login(
        key=key,
        member=text.get("member", ""),
        password_hash=text.get("password_hash"),
        seed=data.get("totp_seed"),
        pending_seed=data.get("totp_pending"),
    )
