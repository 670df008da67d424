import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.ObjectMessage;
import javax.jms.Session;
import javax.jms.StreamMessage;
import javax.jms.TextMessage;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;
import org.apache.activemq.artemis.jms.client.ActiveMQMessage;

/**
 * Answers each message of a queue: java Echo URL QUEUE. The answer is a new message, made through JMS of what JMS says of the one that came, with a property
 * "seen" that describes it: so what is equal in the end was understood here. Runs until it is killed.
 */
public final class Echo {
    private static final String CONTENT_TYPE = "_AMQ_CONTENT_TYPE";

    public static void main(String[] args) throws Exception {
        Connection connection = new ActiveMQConnectionFactory(args[0]).createConnection();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(session.createQueue(args[1]));
        MessageProducer producer = session.createProducer(null);
        connection.start();
        System.out.println("READY");
        while (true) {
            Message came = consumer.receive();
            Map<String, Object> seen = new TreeMap<>();
            Message answer = copy(session, came, seen);
            answer.setStringProperty("seen", describe(seen));
            answer.setJMSCorrelationID(came.getJMSCorrelationID());
            answer.setJMSType(came.getJMSType());
            producer.send(came.getJMSReplyTo(), answer, came.getJMSDeliveryMode(), came.getJMSPriority(), 0);
        }
    }

    private static Message copy(Session session, Message came, Map<String, Object> seen) throws Exception {
        Message answer = body(session, came, seen);
        for (Enumeration<?> names = came.getPropertyNames(); names.hasMoreElements();) {
            String name = (String) names.nextElement();
            if (!name.startsWith("JMS")) {
                Object value = came.getObjectProperty(name);
                answer.setObjectProperty(name, value);
                seen.put("property " + name, value);
            }
        }
        Object contentType = ((ActiveMQMessage) came).getCoreMessage().getObjectProperty(CONTENT_TYPE);
        if (contentType != null) {
            ((ActiveMQMessage) answer).getCoreMessage().putStringProperty(CONTENT_TYPE, contentType.toString());
        }
        seen.put("priority", came.getJMSPriority());
        seen.put("mode", came.getJMSDeliveryMode());
        seen.put("correlation", came.getJMSCorrelationID());
        seen.put("type", came.getJMSType());
        return answer;
    }

    private static Message body(Session session, Message came, Map<String, Object> seen) throws Exception {
        if (came instanceof TextMessage) {
            seen.put("text", ((TextMessage) came).getText());
            return session.createTextMessage(((TextMessage) came).getText());
        } else if (came instanceof BytesMessage) {
            byte[] bytes = new byte[(int) ((BytesMessage) came).getBodyLength()];
            ((BytesMessage) came).readBytes(bytes);
            seen.put("bytes", bytes);
            BytesMessage answer = session.createBytesMessage();
            answer.writeBytes(bytes);
            return answer;
        } else if (came instanceof MapMessage) {
            MapMessage answer = session.createMapMessage();
            for (Object name : Collections.list(((MapMessage) came).getMapNames())) {
                Object value = ((MapMessage) came).getObject((String) name);
                answer.setObject((String) name, value);
                seen.put("map " + name, value);
            }
            return answer;
        } else if (came instanceof StreamMessage) {
            StreamMessage answer = session.createStreamMessage();
            List<Object> values = stream((StreamMessage) came);
            for (int i = 0; i < values.size(); i++) {
                answer.writeObject(values.get(i));
                seen.put("stream " + i, values.get(i));
            }
            return answer;
        } else if (came instanceof ObjectMessage) {
            seen.put("object", ((ObjectMessage) came).getObject());
            return session.createObjectMessage(((ObjectMessage) came).getObject());
        }
        return session.createMessage();
    }

    private static List<Object> stream(StreamMessage came) throws Exception {
        List<Object> values = new ArrayList<>();
        try {
            while (true) {
                values.add(came.readObject());
            }
        } catch (javax.jms.MessageEOFException end) {
            return values;
        }
    }

    private static String describe(Map<String, Object> seen) {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, Object> entry : seen.entrySet()) {
            Object value = entry.getValue();
            text.append(entry.getKey()).append('=').append(value == null ? "null" : value.getClass().getSimpleName() + ":" + plain(value)).append('\n');
        }
        return text.toString();
    }

    private static String plain(Object value) {
        if (value instanceof Float) {
            return Integer.toHexString(Float.floatToIntBits((Float) value));
        } else if (value instanceof Double) {
            return Long.toHexString(Double.doubleToLongBits((Double) value));
        }
        StringBuilder text = new StringBuilder();
        if (value instanceof byte[]) {
            for (byte b : (byte[]) value) {
                text.append(String.format("%02x", b));
            }
            return text.toString();
        }
        for (char c : value.toString().toCharArray()) {
            text.append(c < ' ' || c > '~' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return text.toString();
    }
}
