"""URLs: Artemis' grammar, every key to its field and back, and refusals that help."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corewire.client._options import STORES, options_of
from corewire.client._url_keys import MAY_BE_OFF, WITHOUT_EFFECT
from corewire.client.config import ClientConfig, Discovery, Endpoint, LoadBalancing, Tls
from corewire.client.url import read_url
from corewire.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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


def test_encryption_and_proxies_are_said_as_artemis_says_them() -> None:
    url = (
        "(tcp://one?sslEnabled=true,tcp://two?verifyHost=false;socksVersion=4,tcp://three?sslEnabled=false)"
        "?trustStorePath=ca.pem;enabledProtocols=TLSv1.2, TLSv1.3;keyStorePath=me.p12;keyStoreType=pkcs12;keyStoreAlias=me"
        ";socksEnabled=true;socksHost=proxy;socksPort=1080;socksRemoteDNS=true"
    )
    tls = Tls(
        trust_store_path="ca.pem",
        enabled_protocols=("TLSv1.2", "TLSv1.3"),
        key_store_path="me.p12",
        key_store_type="PKCS12",
        key_store_alias="me",
    )
    one = Endpoint(host="one", tls=tls, socks_host="proxy", socks_port=1080, socks_remote_dns=True)
    config = ClientConfig.from_url(url)
    assert config.endpoints == (
        one,
        replace(one, host="two", tls=replace(tls, verify_host=False), socks_version=4),
        replace(one, host="three", tls=None),
    )
    assert ClientConfig.from_url(config.to_url()) == config


def test_what_is_off_may_have_its_details() -> None:
    config = ClientConfig.from_url(
        "tcp://a?sslEnabled=false&trustStorePath=x&socksEnabled=false&socksHost=h&socksPort=9"
    )
    assert (config.endpoints[0].tls, config.endpoints[0].socks_host) == (None, None)


def test_a_group_takes_the_keys_of_clients_and_connectors_too() -> None:
    config = ClientConfig.from_url(
        "udp://ann@231.7.7.7:9876?refreshTimeout=5000&discoveryInitialWaitTimeout=1500&localBindAddress=127.0.0.1"
        "&ha=true&sslEnabled=true&trustStorePath=ca.pem&localBindPort=7"
    )
    assert (config.user, config.ha, config.endpoints) == ("ann", True, ())
    assert config.discovery == Discovery(
        group_address="231.7.7.7",
        group_port=9876,
        refresh_timeout_s=5,
        initial_wait_timeout_s=1.5,
        local_bind_address="127.0.0.1",
        local_bind_port=7,
        template=Endpoint(tls=Tls(trust_store_path="ca.pem")),
    )
    assert ClientConfig.from_url(config.to_url()) == config
    assert ClientConfig.from_url("udp://[ff02::1]:9876").to_url() == "udp://[ff02::1]:9876"


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
        ("tcp://a?confirmationWindowSize=-2", "confirmationWindowSize", "0 to 2147483647"),
        ("tcp://a?retryIntervalMultiplier=x", "retryIntervalMultiplier", "a number"),
        ("tcp://a?connectionLoadBalancingPolicyClassName=a.B", "connectionLoadBalancingPolicyClassName", "nearest: "),
        ("tcp://a?sslEnabled=maybe", "sslEnabled", "true or false, not 'maybe'"),
        ("tcp://a?sslEnabled", "sslEnabled", "has no value"),
        ("tcp://a?trustStorePath=x", "trustStorePath", "says nothing without sslEnabled=true"),
        ("tcp://a?sslEnabled=true&keyStoreType=jks", "keyStoreType", "keytool -importkeystore"),
        ("tcp://a?sslEnabled=true&keyStoreAlias=x", "keyStoreAlias", "keyStoreAlias chooses in stores"),
        ("tcp://a?sslEnabled=true&enabledProtocols=SSLv3", "enabledProtocols", "nearest: TLSv1, "),
        ("tcp://a?socksHost=x&socksPort=1", "socksHost", "says nothing without socksEnabled=true"),
        ("tcp://a?socksEnabled=true", "socksHost", "needs a socksHost"),
        ("tcp://a?socksEnabled=true&socksHost=x", "socksPort", "socksHost needs a socksPort"),
        ("tcp://a?refreshTimeout=1", "refreshTimeout", "belongs to a udp:// URL"),
        ("udp://231.7.7.7", "url", "udp://address:port"),
        ("udp://231.7.7.7:1?name=x", "url", "stands alone"),
        ("(udp://231.7.7.7:1,tcp://a)", "url", "stands alone"),
        ("udp://231.7.7.7:1?refreshTimeout=0", "refreshTimeout", "1 to"),
        ("tcp://a?exactlyOnce=true;preAcknowledge=true", "pre_acknowledge", "preAcknowledge=true contradicts"),
        ("tcp://a?exactlyOnce=true;reconnectAttempts=0", "reconnect_attempts", "reconnectAttempts=0 contradicts"),
        ("tcp://a?exactlyOnce=true;blockOnDurableSend=false", "block_on_durable_send", "=false contradicts"),
        ("tcp://a?producerMaxRate=0", "producerMaxRate", "1 to 2147483647"),
        ("tcp://a?httpEnabled=true", "httpEnabled", "HTTP tunnelling"),
        ("tcp://a?incomingInterceptorList=a.B", "incomingInterceptorList", "classes of Java"),
        ("tcp://a?enable1xPrefixes=true", "enable1xPrefixes", "version 1"),
        ("tcp://a#tcp://b?ha=true", "ha", "behind the list"),
        ("jgroups://x", "url", "JGroups"),
        ("vm://0", "url", "Java process"),
        ("amqp://a:5672", "url", "only tcp:// and udp:// are spoken"),
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


@pytest.mark.parametrize(("key", "off"), sorted(MAY_BE_OFF.items()))
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


def _values(of: type[DataclassInstance]) -> st.SearchStrategy[dict[str, Any]]:
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for name, option in options_of(of).values():
        low, high = option.low, min(option.high, 1e12)
        kinds: dict[str, st.SearchStrategy[Any]] = {
            "flag": st.booleans(),
            "integer": st.integers(int(low), int(high)),
            "seconds": st.floats(low, min(high, 1e9), allow_subnormal=False).filter(lambda s: s == 0 or s > 1e-6),
            "number": st.floats(low, 1e9),
            "policy": st.sampled_from(LoadBalancing),
            "text": st.text(st.characters(exclude_categories=["Cs"]), min_size=int(low), max_size=60),
            "names": st.lists(st.from_regex(r"[A-Z0-9_-]+", fullmatch=True)).map(tuple),
            "store": st.sampled_from(STORES),
        }
        drawn[name] = kinds[option.unit] | st.none() if option.nullable else kinds[option.unit]
    return st.fixed_dictionaries({}, optional=drawn)


PROTOCOLS = st.sampled_from([(), ("TLSv1.3",), ("TLSv1.3", "TLSv1.2"), ("TLSv1", "TLSv1.1")])


@st.composite
def _tls(draw: st.DrawFn) -> Tls:
    values = draw(_values(Tls)) | {"enabled_protocols": draw(PROTOCOLS)}
    if values.get("key_store_type") != "PKCS12":
        values.pop("key_store_alias", None)
    return Tls(**values)


@st.composite
def _endpoints(draw: st.DrawFn, *, template: bool = False) -> Endpoint:
    values = draw(_values(Endpoint)) | {"tls": draw(st.none() | _tls())}
    if values.get("socks_host") is not None:
        values["socks_port"] = values.get("socks_port") or 1080
        if values.get("socks_version") == 4:
            values.pop("socks_password", None)
    if template:
        return Endpoint(**(values | {"name": None}))
    return Endpoint(host=draw(HOSTS), port=draw(st.integers(1, 65_535)), **values)


HOSTS = st.from_regex(r"[a-z0-9.-]{1,10}", fullmatch=True) | st.just("::1")
GROUPS = st.builds(
    lambda host, port, values, template: Discovery(group_address=host, group_port=port, template=template, **values),
    HOSTS,
    st.integers(1, 65_535),
    _values(Discovery),
    _endpoints(template=True),
)
PLACES = st.one_of(
    st.fixed_dictionaries({"endpoints": st.lists(_endpoints(), min_size=1, max_size=3).map(tuple)}),
    st.fixed_dictionaries({"discovery": GROUPS}),
)


@settings(max_examples=50)
@given(_values(ClientConfig), PLACES)
def test_every_configuration_survives_as_a_url(values: dict[str, Any], places: dict[str, Any]) -> None:
    if values.get("user", "") is None:
        del values["user"]
    if values.get("password", "") is None:
        del values["password"]
    if values.get("exactly_once"):
        values |= {"pre_acknowledge": False, "block_on_durable_send": True}
    config = ClientConfig(**places, **values)
    assert ClientConfig.from_url(config.to_url()) == config


@given(st.text())
def test_garbage_raises_nothing_but_config_error(text: str) -> None:
    for url in (text, f"tcp://{text}", f"tcp://a?{text}", f"(tcp://a,{text}"):
        try:
            ClientConfig.from_url(url)
        except ConfigError:
            continue
