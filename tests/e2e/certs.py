# SPDX-License-Identifier: BSD-3-Clause
"""A throw-away CA with an intermediate, and certificates of it, made by the openssl command."""

import pathlib
import subprocess

EXTENSIONS = {
    "root": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n",
    "intermediate": "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n",
    "leaf": "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
            "extendedKeyUsage=serverAuth\nsubjectAltName=",
}


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)


class Authority:
    """Files in `folder`: root.pem to trust; chain files hold leaf + intermediate (LY-209)."""

    def __init__(self, folder, name="Test"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = self.folder / "root.pem"
        self._key("root", "ec")
        run("openssl", "req", "-new", "-x509", "-key", self._path("root.key"), "-days", "90", "-subj",
            f"/CN={name} Root CA", "-config", self._config("root"), "-extensions", "ext", "-out", self.root)
        self._key("intermediate", "ec")
        self._sign("intermediate", f"/CN={name} Issuing CA", "intermediate", "", issuer="root")

    def _path(self, name):
        return str(self.folder / name)

    def _config(self, kind, names=""):
        path = self.folder / f"{kind}.cnf"
        path.write_text("[req]\ndistinguished_name=dn\n[dn]\n[ext]\n" + EXTENSIONS[kind] + names + "\n")
        return str(path)

    def _key(self, name, kind):
        how = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else \
              ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        run("openssl", "genpkey", *how, "-out", self._path(name + ".key"))

    def _sign(self, name, subject, kind, names, issuer, days=90):
        config = self._config(kind, names)
        run("openssl", "req", "-new", "-key", self._path(name + ".key"), "-subj", subject, "-config", config,
            "-out", self._path(name + ".csr"))
        run("openssl", "x509", "-req", "-in", self._path(name + ".csr"), "-CA", self._path(issuer + ".pem"),
            "-CAkey", self._path(issuer + ".key"), "-CAcreateserial", "-days", str(days),
            "-extfile", config, "-extensions", "ext", "-out", self._path(name + ".pem"))

    def issue(self, name, hosts, key="rsa"):
        """-> (chain file, key file) of a certificate for `hosts`; the first is its common name."""
        self._key(name, key)
        names = ",".join("DNS:" + host for host in hosts)
        common = next((host for host in hosts if "*" not in host), hosts[0])
        self._sign(name, "/CN=" + common, "leaf", names, issuer="intermediate")
        chain = self.folder / (name + "-chain.pem")
        chain.write_text((self.folder / (name + ".pem")).read_text() +
                         (self.folder / "intermediate.pem").read_text())
        return str(chain), self._path(name + ".key")
