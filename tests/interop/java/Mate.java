import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TemporaryTopic;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.artemis.api.core.ActiveMQInvalidFilterExpressionException;
import org.apache.activemq.artemis.api.core.QueueConfiguration;
import org.apache.activemq.artemis.api.core.RoutingType;
import org.apache.activemq.artemis.api.core.SimpleString;
import org.apache.activemq.artemis.api.core.client.ActiveMQClient;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.api.core.client.ServerLocator;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * A JMS and core client that does what standard input says: java Mate URL. A command and its words are a line, each URL-encoded, as are the words of the
 * answer: "ok" and what there is to say, or "failed" and the class of the exception. Consumers hold nothing back: their window is 0.
 */
public final class Mate {
    private final String url;
    private final Connection connection;
    private final Session session;
    private final ClientSession core;
    private final Map<String, MessageConsumer> consumers = new HashMap<>();
    private final Map<String, TemporaryTopic> temporaries = new HashMap<>();

    private Mate(String url) throws Exception {
        this.url = url + "?consumerWindowSize=0";
        connection = new ActiveMQConnectionFactory(this.url).createConnection();
        session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        connection.start();
        ServerLocator locator = ActiveMQClient.createServerLocator(url);
        core = locator.createSessionFactory().createSession();
        core.start();
    }

    public static void main(String[] args) throws Exception {
        Mate mate = new Mate(args[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("ready");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> words = new ArrayList<>();
            for (String word : line.split(" ", -1)) {
                words.add(URLDecoder.decode(word, StandardCharsets.UTF_8));
            }
            System.out.println(mate.answer(words));
        }
    }

    private String answer(List<String> words) {
        List<String> answer = new ArrayList<>();
        try {
            answer.add("ok");
            answer.addAll(obey(words.get(0), words.subList(1, words.size())));
        } catch (Exception e) {
            answer = List.of("failed", e.getClass().getSimpleName());
        }
        List<String> encoded = new ArrayList<>();
        for (String word : answer) {
            encoded.add(URLEncoder.encode(word, StandardCharsets.UTF_8));
        }
        return String.join(" ", encoded);
    }

    private List<String> obey(String command, List<String> words) throws Exception {
        switch (command) {
            case "send":
                send(words.get(0), words.subList(1, words.size()));
                return List.of();
            case "consume":
                consumers.put(words.get(0), session.createConsumer(session.createQueue(words.get(1))));
                return List.of();
            case "subscribe":
                consumers.put(words.get(0), subscribe(words.get(1), session.createTopic(words.get(2)), words.get(3)));
                return List.of();
            case "make queue":
                RoutingType kind = RoutingType.valueOf(words.get(2));
                core.createQueue(new QueueConfiguration(words.get(0)).setAddress(words.get(1)).setRoutingType(kind));
                return List.of();
            case "temporary topic":
                temporaries.put(words.get(0), session.createTemporaryTopic());
                consumers.put(words.get(0), session.createConsumer(temporaries.get(words.get(0))));
                return List.of();
            case "delete":
                temporaries.remove(words.get(0)).delete();
                return List.of();
            case "answer":
                answer(words.get(0), words.get(1));
                return List.of();
            case "take":
                return take(consumers.get(words.get(0)), Long.parseLong(words.get(1)));
            case "close":
                consumers.remove(words.get(0)).close();
                return List.of();
            case "unsubscribe":
                session.unsubscribe(words.get(0));
                return List.of();
            case "durable":
                return durable(words.get(0), words.get(1), words.get(2));
            case "types":
                sendTypes(words.get(0));
                return List.of();
            case "read":
                return read(words.get(0));
            case "match":
                return List.of(match(words.get(0), words.get(1)));
            default:
                throw new IllegalArgumentException(command);
        }
    }

    // -- JMS: a text, and what is set on it by pairs of words

    private void send(String to, List<String> settings) throws Exception {
        boolean topic = to.startsWith("topic://");
        String name = topic ? to.substring("topic://".length()) : to;
        try (MessageProducer producer = session.createProducer(topic ? session.createTopic(name) : session.createQueue(name))) {
            TextMessage message = session.createTextMessage(settings.get(0));
            for (int at = 1; at < settings.size(); at += 2) {
                set(producer, message, settings.get(at), settings.get(at + 1));
            }
            producer.send(message);
        }
    }

    private void set(MessageProducer producer, Message message, String what, String value) throws Exception {
        switch (what) {
            case "priority":
                producer.setPriority(Integer.parseInt(value));
                break;
            case "ttl":
                producer.setTimeToLive(Long.parseLong(value));
                break;
            case "delay":
                producer.setDeliveryDelay(Long.parseLong(value));
                break;
            case "fleeting":
                producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
                break;
            case "sequence":
                message.setIntProperty("JMSXGroupSeq", Integer.parseInt(value));
                break;
            case "reply to queue":
                message.setJMSReplyTo(session.createQueue(value));
                break;
            case "reply to topic":
                message.setJMSReplyTo(session.createTopic(value));
                break;
            case "reply to temporary":
                message.setJMSReplyTo(temporaries.get(value));
                break;
            case "correlation":
                message.setJMSCorrelationIDAsBytes(value.getBytes(StandardCharsets.ISO_8859_1));
                break;
            default:
                message.setStringProperty(what, value);
        }
    }

    /** Send a text to where the next message of a consumer wants it. */
    private void answer(String consumer, String text) throws Exception {
        Destination where = consumers.get(consumer).receive(30_000).getJMSReplyTo();
        try (MessageProducer producer = session.createProducer(where)) {
            producer.send(session.createTextMessage(text));
        }
    }

    private List<String> take(MessageConsumer consumer, long millis) throws Exception {
        Message message = millis == 0 ? consumer.receiveNoWait() : consumer.receive(millis);
        if (message == null) {
            return List.of();
        }
        byte[] correlation = message.getJMSCorrelationIDAsBytes();
        return List.of(
            ((TextMessage) message).getText(),
            String.valueOf(message.getJMSPriority()),
            String.valueOf(message.getJMSExpiration() == 0 ? 0 : message.getJMSExpiration() - message.getJMSTimestamp()),
            String.valueOf(message.getJMSDeliveryTime() <= System.currentTimeMillis()),
            String.valueOf(message.getJMSDeliveryTime() - message.getJMSTimestamp()),
            String.valueOf(message.getJMSReplyTo()),
            correlation == null ? "" : new String(correlation, StandardCharsets.ISO_8859_1),
            String.valueOf(message.getStringProperty("JMSXGroupID")),
            message.propertyExists("JMSXGroupSeq") ? message.getStringProperty("JMSXGroupSeq") : "");
    }

    private MessageConsumer subscribe(String kind, Topic topic, String name) throws Exception {
        switch (kind) {
            case "not own":
                return session.createConsumer(topic, null, true);
            case "shared":
                return session.createSharedConsumer(topic, name);
            default:
                return session.createSharedDurableConsumer(topic, name);
        }
    }

    /** What waits in a durable subscription of a client id, which is made if it is not there. */
    private List<String> durable(String clientId, String topic, String name) throws Exception {
        List<String> texts = new ArrayList<>();
        try (Connection own = new ActiveMQConnectionFactory(url).createConnection()) {
            own.setClientID(clientId);
            own.start();
            Session its = own.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageConsumer consumer = its.createDurableSubscriber(its.createTopic(topic), name);
            for (Message message = consumer.receiveNoWait(); message != null; message = consumer.receiveNoWait()) {
                texts.add(((TextMessage) message).getText());
            }
        }
        return texts;
    }

    // -- core: property types, and selectors

    private void sendTypes(String queue) throws Exception {
        ClientMessage message = core.createMessage(ClientMessage.TEXT_TYPE, true);
        message.getBodyBuffer().writeNullableSimpleString(new SimpleString("types"));
        message.putBooleanProperty("a_bool", true);
        message.putByteProperty("a_byte", (byte) -128);
        message.putShortProperty("a_short", (short) 32767);
        message.putIntProperty("an_int", Integer.MIN_VALUE);
        message.putLongProperty("a_long", Long.MAX_VALUE);
        message.putFloatProperty("a_float", 1.5f);
        message.putDoubleProperty("a_double", 2.5e300);
        message.putStringProperty("a_string", "grüße");
        message.putStringProperty("a_number", " 7");
        message.putStringProperty("a_true", "TRUE");
        message.putStringProperty("a_decimal", "1e3");
        message.putBytesProperty("some_bytes", new byte[] {0, -1});
        message.putCharProperty("a_char", 'x');
        message.putStringProperty("a_null", (String) null);
        core.createProducer(queue).send(message);
    }

    /** For each property of the next message its name, and what the getters say, "!" where they refuse. */
    private List<String> read(String queue) throws Exception {
        List<String> said = new ArrayList<>();
        try (ClientConsumer consumer = core.createConsumer(queue)) {
            ClientMessage message = consumer.receive(30_000);
            message.acknowledge();
            core.commit();
            for (SimpleString each : new TreeSet<>(message.getPropertyNames())) {
                if (each.startsWith(new SimpleString("_"))) {
                    continue;
                }
                String name = each.toString();
                said.add(name);
                said.add(said(() -> message.getBooleanProperty(name)));
                said.add(said(() -> message.getByteProperty(name)));
                said.add(said(() -> message.getShortProperty(name)));
                said.add(said(() -> message.getIntProperty(name)));
                said.add(said(() -> message.getLongProperty(name)));
                said.add(said(() -> message.getFloatProperty(name)));
                said.add(said(() -> message.getDoubleProperty(name)));
                said.add(said(() -> message.getStringProperty(name)));
                said.add(said(() -> message.getBytesProperty(name)));
            }
        }
        return said;
    }

    private static String said(Callable<Object> getter) {
        try {
            Object value = getter.call();
            if (value instanceof byte[]) {
                return new String((byte[]) value, StandardCharsets.ISO_8859_1);
            } else if (value instanceof Float) {
                return Integer.toHexString(Float.floatToIntBits((Float) value));
            } else if (value instanceof Double) {
                return Long.toHexString(Double.doubleToLongBits((Double) value));
            }
            return String.valueOf(value);
        } catch (Exception refused) {
            return "!";
        }
    }

    private String match(String queue, String selector) throws Exception {
        try (ClientConsumer consumer = core.createConsumer(queue, selector, true)) {
            return consumer.receiveImmediate() == null ? "F" : "T";
        } catch (ActiveMQInvalidFilterExpressionException invalid) {
            return "X";
        }
    }
}
