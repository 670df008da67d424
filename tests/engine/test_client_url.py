"""URLs: Artemis' grammar, every key to its field and back, and refusals that help."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corewire.client.config import NOT_BUILT, ClientConfig, Endpoint, LoadBalancing, option_of
from corewire.client.url import _MAY_BE_OFF, WITHOUT_EFFECT, read_announced, read_url
from corewire.errors import ConfigError

TWO = (Endpoint(host="one"), Endpoint(host="two", port=61617))


@pytest.mark.parametrize(
    ("url", "endpoints"),
    [
        ("tcp://one", TWO[:1]),
        ("tcp://one:61616", TWO[:1]),
        (" TCP://one:61616/ ", TWO[:1]),
        ("tcp://one#tcp://two:61617", TWO),
        ("(tcp://one,tcp://two:61617)", TWO),
        ("(tcp://one:61616,tcp://two:61617)?ha=true", TWO),
        ("tcp://[::1]:5445", (Endpoint(host="::1", port=5445),)),
        ("tcp://[fe80::1]", (Endpoint(host="fe80::1"),)),
    ],
)
def test_the_grammar_names_endpoints(url: str, endpoints: tuple[Endpoint, ...]) -> None:
    assert ClientConfig.from_url(url).endpoints == endpoints


def test_keys_of_the_whole_hold_for_all_and_own_ones_win_from_the_second_on() -> None:
    url = (
        "(tcp://one?name=first;tcpNoDelay=false,tcp://two?name=second;tcpSendBufferSize=7)?ha=true;tcpSendBufferSize=9"
    )
    config = ClientConfig.from_url(url)
    assert config.ha
    assert config.endpoints == (
        Endpoint(host="one", name="first", tcp_no_delay=False, tcp_send_buffer_bytes=9),
        Endpoint(host="two", name="second", tcp_no_delay=False, tcp_send_buffer_bytes=7),
    )
    assert ClientConfig.from_url("tcp://one?name=n#tcp://two").endpoints == (
        Endpoint(host="one", name="n"),
        Endpoint(host="two"),
    )


def test_units_are_artemis_milliseconds_and_minus_one_is_none() -> None:
    config = ClientConfig.from_url(
        "tcp://a?callTimeout=1500&connectionTtl=-1&HA=true&consumerWindowSize=-1&connect-timeout-millis=250"
    )
    assert (config.call_timeout_s, config.connection_ttl_s, config.ha) == (1.5, None, True)
    assert (config.consumer_window_bytes, config.endpoints[0].connect_timeout_s) == (None, 0.25)


def test_texts_are_decoded_and_a_user_may_stand_before_the_host() -> None:
    config = ClientConfig.from_url("tcp://ann@one?password=%C3%A9%26+%2B&clientID=a%3Bb")
    assert (config.user, config.password, config.client_id) == ("ann", "é& +", "a;b")
    assert ClientConfig.from_url("tcp://ann@one?user=bob").user == "bob"


def test_a_policy_is_named_with_or_without_its_package() -> None:
    for name in (
        "RandomConnectionLoadBalancingPolicy",
        "org.apache.activemq.artemis.api.core.client.loadbalance.RandomConnectionLoadBalancingPolicy",
    ):
        assert ClientConfig.from_url(f"tcp://a?connectionLoadBalancingPolicyClassName={name}").load_balancing is (
            LoadBalancing.RANDOM
        )


def test_a_key_given_beside_resilient_wins_even_if_it_is_the_default() -> None:
    config = ClientConfig.from_url("tcp://a?resilient=true&reconnectAttempts=0")
    assert (config.reconnect_attempts, config.confirmation_window_bytes) == (0, 1_048_576)
    again = ClientConfig.from_url(config.to_url())
    assert again == config
    assert again.explicit == config.explicit


@pytest.mark.parametrize(
    ("url", "parameter", "words"),
    [
        ("tcp://a?retryIntervall=3", "retryIntervall", r"no key of a URL \(nearest: retryInterval"),
        ("tcp://a?clientId=3", "clientId", "nearest: clientID"),
        ("tcp://a?host=b", "host", "before the question mark"),
        ("tcp://a?ha=yes", "ha", "true or false, not 'yes'"),
        ("tcp://a?ha", "ha", "has no value"),
        ("tcp://a?ha=true&ha=true", "ha", "given twice"),
        ("tcp://a?ha=true&HA=true", "ha", "given twice"),
        ("tcp://a?user=%ff", "user", "not UTF-8"),
        ("tcp://a?callTimeout=1s", "callTimeout", "a number of milliseconds"),
        ("tcp://a?callTimeout=0", "callTimeout", "callTimeout is 1 to"),
        ("tcp://a?callTimeout=-1", "callTimeout", "callTimeout is 1 to"),
        ("tcp://a?reconnectAttempts=-2", "reconnectAttempts", r"0 to 2147483647 \(or -1\), not -2"),
        ("tcp://a?reconnectAttempts=1.5", "reconnectAttempts", "a whole number"),
        ("tcp://a?confirmationWindowSize=0", "confirmationWindowSize", "1 to 2147483647"),
        ("tcp://a?retryIntervalMultiplier=x", "retryIntervalMultiplier", "a number"),
        ("tcp://a?connectionLoadBalancingPolicyClassName=a.B", "connectionLoadBalancingPolicyClassName", "nearest: "),
        ("tcp://a?sslEnabled=true", "sslEnabled", "TLS is not built yet"),
        ("tcp://a?exactlyOnce=true", "exactlyOnce", "exactly-once is not built yet"),
        ("tcp://a?producerMaxRate=5", "producerMaxRate", "not built yet"),
        ("tcp://a?httpEnabled=true", "httpEnabled", "HTTP tunnelling"),
        ("tcp://a?incomingInterceptorList=a.B", "incomingInterceptorList", "classes of Java"),
        ("tcp://a?enable1xPrefixes=true", "enable1xPrefixes", "version 1"),
        ("tcp://a#tcp://b?ha=true", "ha", "behind the list"),
        ("udp://231.7.7.7:9876", "url", "discovery by UDP is not built"),
        ("jgroups://x", "url", "JGroups"),
        ("vm://0", "url", "Java process"),
        ("amqp://a:5672", "url", "only tcp:// is spoken"),
        ("tcps://a", "url", "nearest: tcp"),
        ("(tcp://a", "url", "a list of brokers is"),
        ("(tcp://a)ha=true", "url", "a list of brokers is"),
        ("()", "url", "tcp://host:port"),
        ("localhost:61616", "url", "tcp://host:port"),
        ("tcp://a:port", "url", "tcp://host:port"),
        ("tcp://a:70000", "port", "port is 1 to 65535"),
        ("tcp://", "host", "no host"),
        ("", "url", "tcp://host:port"),
    ],
)
def test_refusals_name_the_key_and_help(url: str, parameter: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        ClientConfig.from_url(url)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize("key", sorted(NOT_BUILT))
def test_every_key_of_a_missing_feature_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="is not built yet") as caught:
        ClientConfig.from_url(f"tcp://a?{key}=1")
    assert caught.value.parameter == key


@pytest.mark.parametrize(("key", "off"), sorted(_MAY_BE_OFF.items()))
def test_a_feature_that_is_missing_may_be_said_to_be_off(key: str, off: str) -> None:
    assert ClientConfig.from_url(f"tcp://a?{key}={off}") == ClientConfig.from_url("tcp://a")


def test_keys_without_effect_are_accepted_and_told() -> None:
    keys = [*sorted(WITHOUT_EFFECT), "activemq.usemaskedpassword"]
    content = read_url("tcp://a?" + "&".join(f"{key}=1" for key in keys))
    assert content.ignored == tuple(keys)
    assert ClientConfig(**content.values) == ClientConfig.from_url("tcp://a")
    assert read_url("tcp://a#tcp://b?useEpoll").ignored == ("useEpoll",)


def test_errors_do_not_show_passwords() -> None:
    for url in ("tcp://a b?password=secret", "tcp://a?password=secret&x=1", "tcp://a:70000?password=secret"):
        with pytest.raises(ConfigError) as caught:
            ClientConfig.from_url(url)
        assert "secret" not in str(caught.value)


def _values(of: type[ClientConfig | Endpoint]) -> st.SearchStrategy[dict[str, Any]]:
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for each in fields(of):
        option = option_of(each)
        if option is None:
            continue
        low, high = option.low, min(option.high, 1e12)
        kinds: dict[str, st.SearchStrategy[Any]] = {
            "flag": st.booleans(),
            "integer": st.integers(int(low), int(high)),
            "seconds": st.floats(low, min(high, 1e9), allow_subnormal=False).filter(lambda s: s == 0 or s > 1e-6),
            "number": st.floats(low, 1e9),
            "policy": st.sampled_from(LoadBalancing),
            "text": st.text(st.characters(exclude_categories=["Cs"]), min_size=int(low)),
        }
        drawn[each.name] = kinds[option.unit] | st.none() if option.nullable else kinds[option.unit]
    return st.fixed_dictionaries({}, optional=drawn)


HOSTS = st.from_regex(r"[a-z0-9.-]{1,10}", fullmatch=True) | st.just("::1")
ENDPOINTS = st.builds(
    lambda host, port, values: Endpoint(host=host, port=port, **values),
    HOSTS,
    st.integers(1, 65_535),
    _values(Endpoint),
)


@given(_values(ClientConfig), st.lists(ENDPOINTS, min_size=1, max_size=3))
def test_every_configuration_survives_as_a_url(values: dict[str, Any], endpoints: list[Endpoint]) -> None:
    if values.get("user", "") is None:
        del values["user"]
    if values.get("password", "") is None:
        del values["password"]
    config = ClientConfig(endpoints=tuple(endpoints), **values)
    assert ClientConfig.from_url(config.to_url()) == config


def test_what_a_broker_announces_is_read_and_what_is_unknown_is_kept() -> None:
    strings = {"host": "one", "port": "5445", "tcpNoDelay": "false", "scheme": "tcp", "sslEnabled": "true"}
    assert read_announced("n", strings) == Endpoint(
        host="one", port=5445, name="n", tcp_no_delay=False, extra={"scheme": "tcp", "sslEnabled": "true"}
    )
    typed = {"host": "::1", "port": 5445, "tcpNoDelay": False, "tcpSendBufferSize": -5, "localPort": 99999, "x": None}
    assert read_announced("", typed) == Endpoint(
        host="::1", port=5445, tcp_no_delay=False, extra={"tcpSendBufferSize": "-5", "localPort": "99999", "x": ""}
    )
    assert read_announced("n", {}) == Endpoint(name="n")


@pytest.mark.parametrize("parameters", [{"host": "a b"}, {"host": "a", "port": "x"}, {"host": "a", "port": 0}])
def test_an_announced_endpoint_that_cannot_be_dialled_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        read_announced("n", parameters)


@given(st.text())
def test_garbage_raises_nothing_but_config_error(text: str) -> None:
    for url in (text, f"tcp://{text}", f"tcp://a?{text}", f"(tcp://a,{text}"):
        try:
            ClientConfig.from_url(url)
        except ConfigError:
            continue
