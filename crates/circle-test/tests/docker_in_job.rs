//! `docker: true` with what people really use: Python's docker library, Testcontainers and compose.

use anyhow::Result;
use circle_test::{Circle, Options};

const PIPELINE: &str = "version: 1
integration:
  image: circle/compose:1
  docker: true
  environment: {COMPOSE_DOCKER_CLI_BUILD: '0', COMPOSE_INTERACTIVE_NO_CLI: '1'}
  commands:
    - python3 library.py
    - PYTHONPATH=/opt/testcontainers python3 containers.py
    - docker-compose -p shop up -d
    - docker-compose -p shop ps
    - docker-compose -p shop exec -T web cat /srv/index.html
    - python3 fetch.py
    - docker-compose -p shop run --rm web sh -c 'echo one more'
    - docker-compose -p shop down
post_build:
  image: circle/compose:1
  commands: [test ! -e /var/run/docker.sock]
";
const COMPOSE: &str = "version: '3'
services:
  web:
    build: .
    command: [httpd, -f, -p, '80', -h, /srv]
    volumes: ['./site:/srv:ro', 'kept:/kept']
    ports: ['8080:80']
  db:
    image: circle/redis:7
volumes: {kept: {}}
";
const GATEWAY: &str = "import socket, struct
def gateway():
    for line in open('/proc/net/route').readlines()[1:]:
        fields = line.split()
        if fields[1] == '00000000':
            return socket.inet_ntoa(struct.pack('<L', int(fields[2], 16)))
";
const LIBRARY: &str = "import docker, socket, time
from gateway import gateway
client = docker.from_env()
redis = client.containers.run('circle/redis:7', detach=True, ports={'6379/tcp': None}, labels={'org.testcontainers': 'true'})
redis.reload()
port = int(redis.ports['6379/tcp'][0]['HostPort'])
for attempt in range(100):
    try:
        talk = socket.create_connection((gateway(), port), 1)
        talk.send(b'PING\\r\\n')
        if talk.recv(7) == b'+PONG\\r\\n':
            break
    except OSError:
        pass
    time.sleep(0.1)
else:
    raise SystemExit('redis did not answer')
code, output = redis.exec_run(['redis-cli', 'ping'])
assert (code, output.strip()) == (0, b'PONG'), (code, output)
assert b'Ready to accept connections' in redis.logs()
redis.remove(force=True)
image, _ = client.images.build(path='.', tag='mine:1')
assert client.containers.run('mine:1', ['cat', '/built'], remove=True) == b'with the library\\n'
many = docker.types.Ulimit(name='nofile', soft=1000000, hard=1000000)
files = client.containers.run('circle/busybox:1', ['sh', '-c', 'ulimit -n'], ulimits=[many], remove=True)
assert int(files) <= 65536, files
for wish in [{'privileged': True}, {'ulimits': [docker.types.Ulimit(name='rtprio', soft=99, hard=99)]}, {'cap_add': ['SYS_ADMIN']}, {'network_mode': 'host'}, {'pid_mode': 'host'},
             {'volumes': {'/': {'bind': '/host'}}}, {'devices': ['/dev/fuse']}, {'security_opt': ['seccomp=unconfined']}]:
    try:
        client.containers.run('circle/busybox:1', 'true', **wish)
    except docker.errors.APIError as error:
        assert 'refused by Circle' in str(error), error
    else:
        raise SystemExit('%s was not refused' % wish)
client.containers.run('circle/busybox:1', ['sleep', '1000'], detach=True, name='left-behind')
print('the library works')
";
const CONTAINERS: &str = "import socket
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy
with Network() as network:
    redis = DockerContainer('circle/redis:7').with_exposed_ports(6379).with_network(network).with_network_aliases('store')
    with redis.waiting_for(LogMessageWaitStrategy('Ready to accept connections')):
        place = (redis.get_container_host_ip(), int(redis.get_exposed_port(6379)))
        talk = socket.create_connection(place, 5)
        talk.send(b'PING\\r\\n')
        assert talk.recv(7) == b'+PONG\\r\\n', place
        beside = DockerContainer('circle/busybox:1').with_network(network)
        beside = beside.with_command(['sh', '-c', 'echo PING | nc -w 5 store 6379; sleep 60'])
        with beside.waiting_for(LogMessageWaitStrategy('PONG')):
            print('testcontainers work by', place[0])
";
const FETCH: &str = "import time, urllib.request
from gateway import gateway
for attempt in range(100):
    try:
        print(urllib.request.urlopen('http://%s:8080/index.html' % gateway(), timeout=1).read().decode())
        break
    except OSError:
        time.sleep(0.1)
else:
    raise SystemExit('the web service did not answer')
";

#[tokio::test]
async fn a_job_uses_pythons_library_testcontainers_and_compose_on_its_own_engine() -> Result<()> {
    let circle = Circle::start(Options {
        images: vec!["busybox", "redis", "compose"],
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    for (path, text) in [
        ("caicloud.yml", PIPELINE),
        ("docker-compose.yml", COMPOSE),
        (
            "Dockerfile",
            "FROM circle/busybox:1\nRUN echo with the library >/built\n",
        ),
        ("gateway.py", GATEWAY),
        ("library.py", LIBRARY),
        ("containers.py", CONTAINERS),
        ("fetch.py", FETCH),
        ("site/index.html", "served by compose\n"),
    ] {
        shop.write(path, text)?;
    }
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let log = run.log("integration").await?;
    for wanted in ["the library works", "testcontainers work by", "one more"] {
        assert!(log.contains(wanted), "{wanted} is not in:\n{log}");
    }
    assert_eq!(
        log.matches("served by compose").count(),
        2,
        "by exec and by the published port:\n{log}"
    );
    circle.stop().await
}
