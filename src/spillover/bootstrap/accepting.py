"""Which events in quarantine were accepted, as the log of administrators says: read only where something lies there."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from spillover.audit import AuditReport, Finding
from spillover.audit.report import KEPT_MAX
from spillover.bootstrap.addresses import Address
from spillover.bootstrap.examining_notices import has_office
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.model.errors import SpilloverError
from spillover.model.reports import QuarantinedEvent
from spillover.office.accepting import accepted, mark_of, mark_of_row
from spillover.ports.office import Act

CHECK = "quarantine"


class Accepted:
    """Asked of events in quarantine, one by one. Where there is no log, or it cannot be read, none was accepted."""

    def __init__(self, address: Address, timeout_ms: int) -> None:
        self._address, self._timeout_ms = address, timeout_ms
        self._acts: Mapping[str, Act] | None = None
        self.trouble = ""
        """What kept the log from being read."""

    def __call__(self, event: QuarantinedEvent) -> Act | None:
        """The act that accepted it."""
        return self.acts().get(mark_of(event.account, event.epoch, event.sequence, event.key))

    def acts(self) -> Mapping[str, Act]:
        """Mark -> act, of all that were accepted; read once."""
        if self._acts is None:
            try:
                self._acts = self._read()
            except SpilloverError as error:
                self._acts, self.trouble = {}, str(error)
        return self._acts

    def _read(self) -> Mapping[str, Act]:
        if not has_office(self._address, self._timeout_ms):
            return {}
        office = open_office(self._address, self._timeout_ms)
        try:
            return drive(accepted(office))
        finally:
            drive(office.close())


def without_accepted(report: AuditReport, known: Accepted) -> AuditReport:
    """The report with what was accepted apart, so that it counts as no finding.

    Where not all findings are kept it is taken that what was accepted is there still: rows of quarantine stay for good.
    """
    if CHECK not in report.found:
        return report
    acts = known.acts()
    if known.trouble:
        note = f"what was accepted of quarantine is not known: {known.trouble}"
        return msgspec.structs.replace(report, notes=(*report.notes, note))
    marks = (mark_of_row(one.account, one.row) if one.check == CHECK else "" for one in report.findings)
    acts_of = [(one, acts.get(mark)) for one, mark in zip(report.findings, marks, strict=True)]
    apart = tuple(_told(one, act) for one, act in acts_of if act is not None)
    total = report.found[CHECK]
    findings = tuple(one for one, act in acts_of if act is None)
    kept = sum(1 for one in findings if one.check == CHECK)
    left = total - len(apart) if total <= KEPT_MAX else max(total - len(acts), kept)
    found = {check: count for check, count in (report.found | {CHECK: left}).items() if count}
    return msgspec.structs.replace(report, ok=not found, found=found, findings=findings, accepted=apart)


def _told(finding: Finding, act: Act) -> Finding:
    by = f" by {act.by}" if act.by else ""
    return msgspec.structs.replace(finding, expected=f"accepted{by}: {act.reason}")
