import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.ObjectMessage;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.StreamMessage;
import javax.jms.TextMessage;

/** What a JMS message carries, and what the broker does by its headers: bodies, properties, priority, expiry, selectors. */
final class JmsMessageLanes {
    static void addTo(Map<String, Lane.Body> lanes) {
        lanes.put("jms.bodies", JmsMessageLanes::bodies);
        lanes.put("jms.headers", JmsMessageLanes::headers);
        lanes.put("jms.priorities", JmsMessageLanes::priorities);
        lanes.put("jms.expiry", JmsMessageLanes::expiry);
        lanes.put("jms.selectors", JmsMessageLanes::selectors);
    }

    static Message take(Lane lane, MessageConsumer consumer, String what) throws Exception {
        Message message = consumer.receive(Lane.PATIENCE_MS);
        if (message == null) {
            lane.lost.incrementAndGet();
            throw new Exception("LOST: " + what + " did not come");
        }
        lane.received.incrementAndGet();
        return message;
    }

    private static void bodies(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(lane.address);
        MessageProducer producer = session.createProducer(queue);
        MessageConsumer consumer = session.createConsumer(queue);
        String odd = "caf\u00e9 \u65e5\u672c \ud83d\ude00 \ud800 end";
        char[] long1 = new char[30_000];
        Arrays.fill(long1, '\u00fc');
        for (long round = 0; lane.moreRounds(round); round++) {
            for (String text : new String[] {"", "plain", odd, new String(long1), null}) {
                producer.send(session.createTextMessage(text));
                lane.equal(text, ((TextMessage) take(lane, consumer, "text")).getText(), "text");
            }
            BytesMessage bytes = session.createBytesMessage();
            bytes.writeBoolean(true);
            bytes.writeByte((byte) -7);
            bytes.writeDouble(1.5e300);
            bytes.writeUTF("utf");
            bytes.writeBytes(new byte[] {1, 2, 3});
            producer.send(bytes);
            BytesMessage gotBytes = (BytesMessage) take(lane, consumer, "bytes");
            lane.check(gotBytes.readBoolean() && gotBytes.readByte() == -7 && gotBytes.readDouble() == 1.5e300, "bytes");
            lane.equal("utf", gotBytes.readUTF(), "UTF in bytes");
            lane.equal(18L, gotBytes.getBodyLength(), "length of bytes");
            MapMessage map = session.createMapMessage();
            map.setInt("int", 7);
            map.setLong("long", 1L << 40);
            map.setString("string", odd);
            map.setBytes("bytes", new byte[] {9});
            map.setChar("char", '\u00e9');
            map.setObject("null", null);
            producer.send(map);
            MapMessage gotMap = (MapMessage) take(lane, consumer, "map");
            lane.check(gotMap.getInt("int") == 7 && gotMap.getLong("long") == 1L << 40 && gotMap.getChar("char") == '\u00e9', "map");
            lane.equal(odd, gotMap.getString("string"), "string in map");
            lane.check(gotMap.getBytes("bytes")[0] == 9 && gotMap.getObject("null") == null && gotMap.itemExists("null"), "bytes, null in map");
            StreamMessage stream = session.createStreamMessage();
            stream.writeShort((short) -3);
            stream.writeFloat(2.5f);
            stream.writeObject(null);
            stream.writeString("in a stream");
            producer.send(stream);
            StreamMessage gotStream = (StreamMessage) take(lane, consumer, "stream");
            lane.check(gotStream.readShort() == -3 && gotStream.readFloat() == 2.5f && gotStream.readObject() == null, "stream");
            lane.equal("in a stream", gotStream.readString(), "string in a stream");
            producer.send(session.createObjectMessage(new int[] {1, 2, 3}));
            lane.equal(3, ((int[]) ((ObjectMessage) take(lane, consumer, "object")).getObject())[2], "object");
            producer.send(session.createMessage());
            Message empty = take(lane, consumer, "message without a body");
            lane.check(!(empty instanceof TextMessage) && !(empty instanceof BytesMessage), "class of an empty message: " + empty.getClass());
            lane.sent.addAndGet(10);
        }
        JmsQueueLanes.close(lane, connection);
    }

    private static void headers(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, "headers-" + lane.address);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(lane.address);
        MessageProducer producer = session.createProducer(queue);
        MessageConsumer consumer = session.createConsumer(queue);
        for (long round = 0; lane.moreRounds(round); round++) {
            Message message = session.createMessage();
            message.setBooleanProperty("boolean", true);
            message.setByteProperty("byte", (byte) -1);
            message.setShortProperty("short", (short) -2);
            message.setIntProperty("int", -3);
            message.setLongProperty("long", -4);
            message.setFloatProperty("float", 0.5f);
            message.setDoubleProperty("double", -0.25);
            message.setStringProperty("string", "\u00e4");
            message.setStringProperty("nothing", null);
            message.setJMSCorrelationID("correlation");
            message.setJMSType("type");
            message.setJMSReplyTo(session.createTopic("replies"));
            producer.send(message, DeliveryMode.NON_PERSISTENT, 7, 1_000_000);
            lane.sent.incrementAndGet();
            Message got = take(lane, consumer, "message");
            lane.equal(Arrays.asList(true, (byte) -1, (short) -2, -3, -4L, 0.5f, -0.25, "\u00e4"), Arrays.asList(got.getObjectProperty("boolean"),
                got.getObjectProperty("byte"), got.getObjectProperty("short"), got.getObjectProperty("int"), got.getObjectProperty("long"),
                got.getObjectProperty("float"), got.getObjectProperty("double"), got.getObjectProperty("string")), "properties");
            lane.check(got.propertyExists("nothing") && got.getObjectProperty("nothing") == null, "a null property");
            lane.equal("correlation", got.getJMSCorrelationID(), "correlation id");
            lane.equal("type", got.getJMSType(), "type");
            lane.equal("ActiveMQTopic[replies]", got.getJMSReplyTo().toString(), "reply-to");
            lane.equal(message.getJMSMessageID(), got.getJMSMessageID(), "message id");
            lane.equal(message.getJMSTimestamp(), got.getJMSTimestamp(), "timestamp");
            lane.equal(message.getJMSExpiration(), got.getJMSExpiration(), "expiration");
            lane.equal(7, got.getJMSPriority(), "priority");
            lane.equal(DeliveryMode.NON_PERSISTENT, got.getJMSDeliveryMode(), "delivery mode");
            lane.equal(queue.toString(), got.getJMSDestination().toString(), "destination");
            lane.equal(1, got.getIntProperty("JMSXDeliveryCount"), "delivery count");
            List<?> names = Collections.list((Enumeration<?>) got.getPropertyNames());
            lane.check(names.containsAll(Arrays.asList("boolean", "byte", "short", "int", "long", "float", "double", "string", "nothing")), "names: " + names);
            producer.send(got); // what was received can be sent on
            lane.equal("\u00e4", take(lane, consumer, "the same again").getStringProperty("string"), "string property, sent on");
            lane.sent.incrementAndGet();
        }
        JmsQueueLanes.close(lane, connection);
    }

    private static void priorities(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        for (long round = 0; lane.moreRounds(round); round++) {
            Queue queue = session.createQueue(lane.address + "." + round);
            MessageProducer producer = session.createProducer(queue);
            for (int n = 0; n < 50; n++) {
                producer.setPriority(n * 7 % 10);
                producer.send(JmsQueueLanes.numbered(session, n));
                lane.sent.incrementAndGet();
            }
            MessageConsumer consumer = session.createConsumer(queue);
            for (int priority = 9; priority >= 0; priority--) {
                for (int n = 0; n < 50; n++) {
                    if (n * 7 % 10 == priority) {
                        lane.expect(n, JmsQueueLanes.number(lane, take(lane, consumer, "message " + n)));
                    }
                }
            }
            producer.close();
            consumer.close();
        }
        JmsQueueLanes.close(lane, connection);
    }

    private static void expiry(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(lane.address);
        MessageProducer producer = session.createProducer(queue);
        for (long n = 0; lane.moreRounds(n); n++) {
            producer.setTimeToLive(1);
            producer.send(session.createTextMessage("short-lived"));
            producer.setTimeToLive(1_000_000);
            producer.send(JmsQueueLanes.numbered(session, n));
            lane.sent.incrementAndGet();
            Thread.sleep(5);
            MessageConsumer consumer = session.createConsumer(queue);
            lane.expect(n, take(lane, consumer, "message " + n).getLongProperty("n"));
            lane.check(consumer.receiveNoWait() == null, "one too many");
            consumer.close();
        }
        JmsQueueLanes.close(lane, connection);
    }

    /** Each selector takes exactly what it should of a queue of twelve. */
    private static void selectors(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        String[][] cases = {
            {"weight > 5", "6,7,8,9,10,11"},
            {"weight BETWEEN 2 AND 4", "2,3,4"},
            {"weight NOT BETWEEN 1 AND 10 AND name IS NOT NULL", "0"},
            {"name LIKE 'n%_1'", "1"},
            {"name LIKE 'n_1' OR name LIKE 'na!_%' ESCAPE '!'", "1"},
            {"name IN ('n-0', 'n-5', 'none')", "0,5"},
            {"name NOT IN ('n-0', 'n-5')", "1,2,3,4,6,7,8,9,10"},
            {"name IS NULL", "11"},
            {"NOT (name = 'n-3')", "0,1,2,4,5,6,7,8,9,10"},
            {"absent = 1 OR weight = 4", "4"},
            {"absent <> 1", ""},
            {"heavy = TRUE AND ratio >= 4.5", "9,10,11"},
            {"heavy", "6,7,8,9,10,11"},
            {"weight * 2 - 1 = 9 + -2", "4"},
            {"JMSPriority >= 8", "8,9"},
            {"JMSType = 'kind-2'", "2,5,8,11"},
            {"JMSCorrelationID = 'c7'", "7"},
            {"JMSDeliveryMode = 'NON_PERSISTENT'", "1,3,5,7,9,11"},
            {"JMSDeliveryMode = 'PERSISTENT' AND weight < 3", "0,2"},
            {"JMSTimestamp > 1000", "0,1,2,3,4,5,6,7,8,9,10,11"},
        };
        for (long round = 0; lane.moreRounds(round); round++) {
            Queue queue = session.createQueue(lane.address + "." + round);
            MessageProducer producer = session.createProducer(queue);
            for (int n = 0; n < 12; n++) {
                Message message = JmsQueueLanes.numbered(session, n);
                message.setIntProperty("weight", n);
                if (n != 11) {
                    message.setStringProperty("name", "n-" + n);
                }
                message.setBooleanProperty("heavy", n > 5);
                message.setDoubleProperty("ratio", n / 2.0);
                message.setJMSType("kind-" + n % 3);
                message.setJMSCorrelationID("c" + n);
                producer.send(message, n % 2 == 0 ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT, n < 10 ? n : 4, 0);
                lane.sent.incrementAndGet();
            }
            for (String[] item : cases) {
                StringBuilder got = new StringBuilder();
                QueueBrowser browser = session.createBrowser(queue, item[0]);
                Enumeration<?> messages = browser.getEnumeration();
                int[] numbers = new int[12];
                while (messages.hasMoreElements()) {
                    numbers[(int) ((Message) messages.nextElement()).getLongProperty("n")]++;
                }
                browser.close();
                for (int n = 0; n < 12; n++) {
                    for (int i = 0; i < numbers[n]; i++) {
                        got.append(got.length() > 0 ? "," : "").append(n);
                    }
                }
                lane.equal(item[1], got.toString(), item[0]);
            }
            MessageConsumer consumer = session.createConsumer(queue);
            for (int n = 0; n < 12; n++) {
                take(lane, consumer, "one of twelve");
            }
            consumer.close();
            producer.close();
        }
        JmsQueueLanes.close(lane, connection);
    }
}
