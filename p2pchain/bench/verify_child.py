"""One of the processes that check signatures side by side."""

from __future__ import annotations

from p2pchain.bench.children import Json, Report, serve
from p2pchain.bench.verify import make_checks, one_thread
from p2pchain.chain.crypto import SignatureCheck


def main() -> None:
    checks: list[SignatureCheck] = []

    def handle(order: Json, report: Report) -> None:
        if "make" in order:
            checks[:] = make_checks(int(order["make"]), int(order["seed"]))
            report({"made": len(checks)})
            return
        rate = one_thread(checks, float(order["seconds"]))
        report({"a_second": rate.a_second})

    serve(handle)


if __name__ == "__main__":
    main()
