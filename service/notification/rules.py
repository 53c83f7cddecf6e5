"""RuleFiles: the rules, one JSON file each, and beside them what each of them remembers."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from echocast.model.atomic_files import move_into_place, scratch_file, write_whole
from echocast.model.errors import ContractViolation, short
from echocast.service.auth.folder_lock import folder_lock
from echocast.service.errors import RuleConflict, UnknownRule
from echocast.service.notification.memory import RuleMemory
from echocast.service.notification.schemas import Rule

log = logging.getLogger("echocast.notify")
NAME: Final = re.compile(r"[a-z0-9_-]{1,40}")  # differ on every disk
MOST_RULES: Final = 50  # of one owner


@dataclass(frozen=True)
class RuleFiles:
    """Rules on the disk: gateways write them, ``echocast notify`` writes what they remember."""

    folder: Path

    @property
    def memories(self) -> Path:
        """Folder of what rules remember."""
        return self.folder / "state"

    def all(self) -> Iterator[Rule]:
        """All rules by their names; one whose file is damaged is left out, and logged."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                yield Rule.model_validate_json(path.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValidationError, ContractViolation) as error:
                log.error("The rule in %s can't be read: %s", path, type(error).__name__)

    def rule(self, name: str) -> Rule:
        """The rule of a name.

        Raises:
            UnknownRule: There is none.
        """
        rule = next((one for one in self.all() if one.name == name), None)
        if rule is None:
            raise UnknownRule(f"There is no rule named {short(name)!r}.")
        return rule

    def put(self, rule: Rule) -> bool:
        """Store a rule; whether it is new.

        Raises:
            ContractViolation: A rule can't have such a name, or its owner has too many.
            RuleConflict: Another owner has a rule of that name.
        """
        if not NAME.fullmatch(rule.name):
            raise ContractViolation(
                f"A rule's name is 1 to 40 of a-z, 0-9, _ and -, not {short(rule.name)!r}.",
                rule="name",
            )
        with folder_lock(self.folder):
            known = {one.name: one.owner for one in self.all()}
            self._check(rule, known)
            self._write(self.folder / f"{rule.name}.json", rule.model_dump_json().encode())
        return rule.name not in known

    def _check(self, rule: Rule, known: dict[str, str]) -> None:
        if known.get(rule.name, rule.owner) != rule.owner:
            raise RuleConflict(
                f"There is a rule {rule.name!r} of another owner: take another name."
            )
        if rule.name not in known and list(known.values()).count(rule.owner) >= MOST_RULES:
            raise ContractViolation(f"One owner has at most {MOST_RULES} rules.", rule="rules")

    def delete(self, name: str) -> None:
        """Delete a rule.

        Raises:
            UnknownRule: There is none.
        """
        self.rule(name)
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def memory(self, rule: Rule) -> RuleMemory:
        """What a rule remembers; nothing where it was changed since, or what it was is damaged."""
        try:
            value = json.loads((self.memories / f"{rule.name}.json").read_bytes())
            memory = RuleMemory.of_json(value)
        except FileNotFoundError:
            return RuleMemory(rule.declared.digest)
        except (OSError, ValueError, LookupError, TypeError) as error:
            log.error("What rule %s remembers can't be read: %s", rule.name, error)
            return RuleMemory(rule.declared.digest)
        same = memory.digest == rule.declared.digest
        return memory if same else RuleMemory(rule.declared.digest)

    def remember(self, rule: Rule, memory: RuleMemory) -> None:
        """Store what a rule remembers.

        Raises:
            OSError: The disk does not take it.
        """
        self._write(self.memories / f"{rule.name}.json", json.dumps(memory.to_json()).encode())

    def forget(self, names: set[str]) -> None:
        """Remove what all but these rules remember."""
        for path in self.memories.glob("*.json"):
            if path.stem not in names:
                path.unlink(missing_ok=True)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch_file(path.parent) as part:
            write_whole(part, content)
            move_into_place(part, path)
