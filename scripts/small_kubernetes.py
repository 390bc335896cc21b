"""As much of Kubernetes as Snakemake's executor for it asks for, on loopback: a pod is a process here, in a folder of its own, with
the variables of its secret and nothing else of what Snakemake had."""
import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading


class Cluster:
    """The API, and the pods. `path` is the PATH of what an image would have in it."""

    def __init__(self, folder, path):
        self.folder, self.path = folder, path
        self.secrets, self.pods, self.lock = {}, {}, threading.Lock()
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self):
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else {}
                status, answer = cluster.answer(self.command, self.path, body)
                text = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        self.folder.mkdir(parents=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = self.folder / "config"
        # JSON is YAML too.
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}], "users": [{"name": "me", "user": {}}]}))
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        for name in list(self.pods):
            self.kill(name)

    def answer(self, method, path, body):
        """The status, and the body, of the answer to a request."""
        path, _, query = path.partition("?")
        kind, name, rest = re.fullmatch(r"/apis?/[a-z0-9/]+?/namespaces/default/(\w+)(?:/([\w-]+))?(?:/(\w+))?", path).groups()
        with self.lock:
            if (method, kind) == ("POST", "secrets"):
                self.secrets[body["metadata"]["name"]] = body["data"]
                return 201, body
            if (method, kind) == ("POST", "jobs"):
                self.start(body)
                return 201, body
            if kind == "pods" and name is None:
                job = query.partition("job-name%3D")[2].partition("&")[0]
                return 200, {"kind": "PodList", "apiVersion": "v1", "items": [self.pod(job)] if job in self.pods else []}
            if method == "DELETE":
                self.secrets.pop(name, None)
                return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
            if name not in self.pods:
                return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
            if rest == "log":
                return 200, (self.folder / name / "log").read_text()
            code = self.pods[name].poll()
            status = {} if code is None else {"succeeded": 1} if code == 0 else {"failed": 1}
            return 200, {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": name}, "status": status}

    def pod(self, name):
        code = self.pods[name].poll()
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        container = {"name": "snakemake", "image": "i", "imageID": "i", "ready": True, "restartCount": 0, "state": state}
        return {"metadata": {"name": name}, "spec": {"containers": [{"name": "snakemake"}]}, "status": {"containerStatuses": [container]}}

    def start(self, job):
        name, container = job["metadata"]["name"], job["spec"]["template"]["spec"]["containers"][0]
        work = self.folder / name / "workdir"
        work.mkdir(parents=True)
        env = {"PATH": self.path, "HOME": str(work)}
        for variable in container.get("env", []):
            key = variable["valueFrom"]["secretKeyRef"]
            env[variable["name"]] = base64.b64decode(self.secrets[key["name"]][key["key"]]).decode()
        with (self.folder / name / "log").open("w") as log:
            self.pods[name] = subprocess.Popen([*container["command"], *container["args"]], cwd=work, env=env, stdout=log,
                                               stderr=log, start_new_session=True)

    def pod_with(self, word):
        """The pod in which a program has this word on its command line."""
        for process in self.processes():
            if word.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                return (process / "cwd").resolve().relative_to(self.folder).parts[0]
        return None

    def kill(self, name):
        """A node is gone, with all that runs there and all that is on its disk."""
        for process in self.processes(name):
            try:
                os.kill(int(process.name), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.pods[name].wait()
        shutil.rmtree(self.folder / name / "workdir", ignore_errors=True)

    def processes(self, name="."):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").resolve().is_relative_to(self.folder / name):
                    yield process
            except OSError:
                continue
