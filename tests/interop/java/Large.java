import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Collections;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import javax.jms.StreamMessage;
import javax.jms.TextMessage;
import org.apache.activemq.artemis.api.core.client.ActiveMQClient;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * Answers each message of two queues with one of the same type and body: java Large URL QUEUE. Of QUEUE through JMS, of QUEUE.core through the core API, which
 * streams the body to a file and from it. The answer is compressed if the property "compressed" says so, and says in "seen" how large the body was, and its
 * SHA-256. Runs until it is killed.
 */
public final class Large {
    private static final String CHUNKS = "minLargeMessageSize=20000";

    public static void main(String[] args) throws Exception {
        Thread core = new Thread(() -> forEver(() -> answerCore(args[0], args[1] + ".core")));
        core.setDaemon(true);
        core.start();
        answerJms(args[0], args[1]);
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void forEver(Work work) {
        try {
            work.run();
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1);
        }
    }

    private static String seen(long size, MessageDigest digest) {
        StringBuilder text = new StringBuilder().append(size).append(' ');
        for (byte b : digest.digest()) {
            text.append(String.format("%02x", b));
        }
        return text.toString();
    }

    private static String seen(byte[] bytes) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(bytes);
        return seen(bytes.length, digest);
    }

    private static Session[] sessions(String url) throws Exception {
        Session[] sessions = new Session[2];
        for (int compressed = 0; compressed < 2; compressed++) {
            String options = "?" + CHUNKS + "&compressLargeMessage=" + (compressed == 1);
            Connection connection = new ActiveMQConnectionFactory(url + options).createConnection();
            sessions[compressed] = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            connection.start();
        }
        return sessions;
    }

    private static void answerJms(String url, String queue) throws Exception {
        Session[] sessions = sessions(url);
        MessageConsumer consumer = sessions[0].createConsumer(sessions[0].createQueue(queue));
        System.out.println("READY");
        while (true) {
            Message came = consumer.receive();
            Session session = sessions[came.getBooleanProperty("compressed") ? 1 : 0];
            Message answer = body(session, came);
            session.createProducer(came.getJMSReplyTo()).send(answer);
        }
    }

    private static Message body(Session session, Message came) throws Exception {
        if (came instanceof TextMessage) {
            Message answer = session.createTextMessage(((TextMessage) came).getText());
            answer.setStringProperty("seen", seen(((TextMessage) came).getText().getBytes(StandardCharsets.UTF_8)));
            return answer;
        } else if (came instanceof BytesMessage) {
            byte[] bytes = new byte[(int) ((BytesMessage) came).getBodyLength()];
            ((BytesMessage) came).readBytes(bytes);
            BytesMessage answer = session.createBytesMessage();
            answer.writeBytes(bytes);
            answer.setStringProperty("seen", seen(bytes));
            return answer;
        } else if (came instanceof MapMessage) {
            MapMessage answer = session.createMapMessage();
            for (Object name : Collections.list(((MapMessage) came).getMapNames())) {
                answer.setObject((String) name, ((MapMessage) came).getObject((String) name));
            }
            return answer;
        }
        StreamMessage answer = session.createStreamMessage();
        try {
            while (true) {
                answer.writeObject(((StreamMessage) came).readObject());
            }
        } catch (javax.jms.MessageEOFException end) {
            return answer;
        }
    }

    private static void answerCore(String url, String queue) throws Exception {
        ClientSession[] sessions = new ClientSession[2];
        for (int compressed = 0; compressed < 2; compressed++) {
            String options = "?" + CHUNKS + "&compressLargeMessage=" + (compressed == 1);
            sessions[compressed] = ActiveMQClient.createServerLocator(url + options).createSessionFactory().createSession(true, true, 0);
            sessions[compressed].start();
        }
        if (!sessions[0].queueQuery(new org.apache.activemq.artemis.api.core.SimpleString(queue)).isExists()) {
            sessions[0].createQueue(queue, org.apache.activemq.artemis.api.core.RoutingType.ANYCAST, queue, true);
        }
        ClientConsumer consumer = sessions[0].createConsumer(queue);
        File file = File.createTempFile("large", ".body");
        file.deleteOnExit();
        while (true) {
            ClientMessage came = consumer.receive();
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            try (OutputStream out = new DigestOutputStream(new BufferedOutputStream(new FileOutputStream(file)), digest)) {
                came.saveToOutputStream(out);
            }
            came.acknowledge();
            ClientSession session = sessions[came.getBooleanProperty("compressed") ? 1 : 0];
            ClientMessage answer = session.createMessage(came.getType(), true);
            answer.putStringProperty("seen", seen(file.length(), digest));
            try (InputStream in = new BufferedInputStream(new FileInputStream(file))) {
                answer.setBodyInputStream(in);
                session.createProducer(came.getStringProperty("answers")).send(answer);
            }
        }
    }
}
