"""A kdqat-infer serve of the tests' small model, for as long as a with statement lasts."""

import pathlib
import re
import signal
import socket
import subprocess
import tempfile


class RunningServer:
    def __init__(self, program, write_sample_model, *options, port=0):
        self.command = [program, "serve", "--port", str(port), *options]
        self.write_sample_model = write_sample_model

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        model = pathlib.Path(self.folder.name) / "student.packed.safetensors"
        subprocess.run([self.write_sample_model, model], check=True)
        self.process = subprocess.Popen([*self.command, "--model", model], stderr=subprocess.PIPE, text=True)
        self.messages = ""
        for line in self.process.stderr:
            self.messages += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                return self
        raise AssertionError(f"the server did not start: {self.messages}")

    def __exit__(self, *_):
        self.end(signal.SIGKILL)
        self.folder.cleanup()

    def end(self, number=signal.SIGTERM):
        """Exit code after this signal, or of before."""
        if self.process.returncode is None:
            self.process.send_signal(number)
            self.messages += self.process.communicate()[1]
        return self.process.returncode

    def send(self, data, finish=False, timeout=20):
        """What the server sends to these bytes: the head and the body of one response, or b"" if it only closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as client:
            answer = b""
            try:
                client.sendall(data)
                if finish:
                    client.shutdown(socket.SHUT_WR)
                while part := client.recv(65536):
                    answer += part
                    head, found, body = answer.partition(b"\r\n\r\n")
                    length = re.search(rb"Content-Length: (\d+)", head)
                    if found and length and len(body) >= int(length[1]):
                        break
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has said all that it wanted to say
            return answer

    def post(self, path, body, headers=b""):
        return self.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(body) + headers +
                         b"\r\n" + body)
