import json
import re
import signal
import subprocess
import sys
import urllib.request


def test_the_command_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "multillama.testing", "--model", "a", "--model", "b"]
    with subprocess.Popen([*command, "--text", "Yes."], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        url = re.findall(r"http://\S+", run.stdout.readline())[0]

        with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as answer:
            models = [row["id"] for row in json.load(answer)["data"]]
        body = json.dumps({"model": "a"}).encode()
        with urllib.request.urlopen(f"{url}/v1/completions", body, timeout=5) as answer:
            said = json.load(answer)["choices"][0]["text"]
        run.send_signal(signal.SIGINT)

        assert (models, said, run.wait(5)) == (["a", "b"], "Yes.", 0)
