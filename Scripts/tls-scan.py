"""Scans what a herd's listener speaks with sslyze, and fails where it is anything weak.

    tls-scan.py [--herdd .build/release/herdd] [--json FILE]
    tls-scan.py --server HOST:PORT [--json FILE]

Without --server it starts a herd of its own, once with an ECDSA key and once with an RSA key, so that every suite is offered
that can be. Exit status: 0 nothing weak, 1 something is, 69 the scan could not be made.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from sslyze import (
    ScanCommand, ScanCommandAttemptStatusEnum, Scanner, ServerNetworkLocation, ServerScanRequest, ServerScanStatusEnum)

PROTOCOLS = {
    "SSL 2.0": ScanCommand.SSL_2_0_CIPHER_SUITES, "SSL 3.0": ScanCommand.SSL_3_0_CIPHER_SUITES,
    "TLS 1.0": ScanCommand.TLS_1_0_CIPHER_SUITES, "TLS 1.1": ScanCommand.TLS_1_1_CIPHER_SUITES,
    "TLS 1.2": ScanCommand.TLS_1_2_CIPHER_SUITES, "TLS 1.3": ScanCommand.TLS_1_3_CIPHER_SUITES,
}
# RFC 9325, section 4.2: ephemeral keys and authenticated encryption; what TLS 1.3 has is nothing else.
GOOD_SUITES = {
    "TLS 1.2": {
        f"TLS_ECDHE_{key}_WITH_{cipher}"
        for key in ("ECDSA", "RSA")
        for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")
    },
    "TLS 1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
}
# Those of TLS 1.3 (RFC 8446, section 4.2.7), by the names of SEC 2; secp256r1 is prime256v1 to OpenSSL.
GOOD_CURVES = {"X25519", "X448", "secp256r1", "prime256v1", "secp384r1", "secp521r1"}
FLAWS = {
    ScanCommand.HEARTBLEED: ("Heartbleed", lambda found: found.is_vulnerable_to_heartbleed),
    ScanCommand.OPENSSL_CCS_INJECTION: ("CCS injection", lambda found: found.is_vulnerable_to_ccs_injection),
    ScanCommand.TLS_COMPRESSION: ("compression (CRIME)", lambda found: found.supports_compression),
    ScanCommand.ROBOT: ("ROBOT", lambda found: not found.robot_result.name.startswith("NOT_VULNERABLE")),
    ScanCommand.SESSION_RENEGOTIATION: (
        "renegotiation by the client",
        lambda found: found.is_vulnerable_to_client_renegotiation_dos or not found.supports_secure_renegotiation),
    ScanCommand.TLS_1_3_EARLY_DATA: ("early data, which can be replayed", lambda found: found.supports_early_data),
    ScanCommand.TLS_FALLBACK_SCSV: ("downgrade of the protocol", lambda found: not found.supports_fallback_scsv),
}


def stop(message):
    print(f"tls-scan.py: {message}", file=sys.stderr)
    sys.exit(69)


def scan(host, port):
    """What is accepted, by protocol, and what is weak in it."""
    scanner = Scanner()
    commands = {*PROTOCOLS.values(), *FLAWS, ScanCommand.ELLIPTIC_CURVES}
    scanner.queue_scans([ServerScanRequest(ServerNetworkLocation(host, port), scan_commands=commands)])
    result = next(iter(scanner.get_results()))
    if result.scan_status != ServerScanStatusEnum.COMPLETED:
        stop(f"{host}:{port} can't be scanned: {result.connectivity_error_trace or result.scan_status}")

    def answer(command):
        attempt = getattr(result.scan_result, command.value)
        if attempt.status != ScanCommandAttemptStatusEnum.COMPLETED:
            stop(f"{command.value} failed: {attempt.error_reason} {attempt.error_trace or ''}")
        return attempt.result

    accepted, weak = {}, []
    for protocol, command in PROTOCOLS.items():
        suites = sorted(suite.cipher_suite.name for suite in answer(command).accepted_cipher_suites)
        accepted[protocol] = suites
        weak += [f"{protocol}: {suite}" for suite in suites if suite not in GOOD_SUITES.get(protocol, ())]
    for protocol in GOOD_SUITES:
        if not accepted[protocol]:
            weak.append(f"{protocol} is not spoken")
    curves = sorted(curve.name for curve in answer(ScanCommand.ELLIPTIC_CURVES).supported_curves or [])
    weak += [f"the curve {curve}" for curve in curves if curve not in GOOD_CURVES]
    for command, (name, is_flawed) in FLAWS.items():
        if is_flawed(answer(command)):
            weak.append(name)
    return {"accepted": accepted, "curves": curves, "weak": weak}


def certificate(folder, key):
    """A certificate of its own for localhost, with an `ecdsa` or `rsa` key."""
    kind = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if key == "ecdsa" else ["rsa:2048"]
    files = folder / f"{key}.pem", folder / f"{key}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", files[1], "-out", files[0]],
        check=True, capture_output=True)
    return files


def scan_own_herd(herdd, key):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        chain, secret = certificate(folder, key)
        ready, data = folder / "ready.json", folder / "data"
        (folder / "herdd.yaml").write_text(f"tls:\n  certificate_file: {chain}\n  key_file: {secret}\n")
        local = "127.0.0.1:0"
        herd = subprocess.Popen(
            [herdd, "all", "--data", data, "--config", folder / "herdd.yaml", "--listen", local, "--scorer-listen", local,
             "--refiner-listen", local, "--ready-file", ready, "--log-level", "error"])
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                if herd.poll() is not None or time.monotonic() > deadline:
                    stop(f"{herdd} did not get ready")
                time.sleep(0.02)
            address = json.loads(ready.read_text())["router"][0]
            return scan("127.0.0.1", int(address.rpartition(":")[2]))
        finally:
            herd.terminate()
            herd.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="HOST:PORT", help="scan this one instead of a herd of its own")
    parser.add_argument("--herdd", default=".build/release/herdd")
    parser.add_argument("--json", metavar="FILE", help="also write what was found here")
    arguments = parser.parse_args()
    if arguments.server:
        host, _, port = arguments.server.rpartition(":")
        if not host or not port.isdigit():
            parser.error(f"--server must be HOST:PORT, not '{arguments.server}'")
        found = {arguments.server: scan(host.strip("[]"), int(port))}
    else:
        found = {f"a key of {key.upper()}": scan_own_herd(arguments.herdd, key) for key in ("ecdsa", "rsa")}
    for name, result in found.items():
        print(name)
        for protocol, suites in result["accepted"].items():
            print(f"  {protocol:8} {', '.join(suites) or 'not spoken'}")
        print(f"  curves   {', '.join(result['curves'])}")
        print(f"  weak     {'; '.join(result['weak']) or 'nothing'}")
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(1 if any(result["weak"] for result in found.values()) else 0)


if __name__ == "__main__":
    main()
