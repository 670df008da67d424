import javax.jms.Connection;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * Asks COUNT questions in each queue as JMS programs do: java Asker URL COUNT QUEUE... Every other one names itself with a correlation id; a reply to the
 * others must name the question's message id. Prints one line for each queue, the number of right replies.
 */
public final class Asker {
    public static void main(String[] args) throws Exception {
        try (ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(args[0]);
                Connection connection = factory.createConnection()) {
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            TemporaryQueue inbox = session.createTemporaryQueue();
            MessageConsumer replies = session.createConsumer(inbox);
            connection.start();
            for (int at = 2; at < args.length; at++) {
                MessageProducer producer = session.createProducer(session.createQueue(args[at]));
                int right = 0;
                for (int n = 0; n < Integer.parseInt(args[1]); n++) {
                    right += asked(session, producer, inbox, replies, n) ? 1 : 0;
                }
                System.out.println(right);
            }
        }
    }

    private static boolean asked(Session session, MessageProducer producer, TemporaryQueue inbox, MessageConsumer replies, int n)
            throws Exception {
        TextMessage question = session.createTextMessage("question " + n);
        question.setJMSReplyTo(inbox);
        if (n % 2 == 0) {
            question.setJMSCorrelationID("mine " + n);
        }
        producer.send(question);
        String name = n % 2 == 0 ? "mine " + n : question.getJMSMessageID();
        Message reply = replies.receive(30_000);
        boolean named = reply instanceof TextMessage && name.equals(reply.getJMSCorrelationID());
        return named && ((TextMessage) reply).getText().equals("re: question " + n);
    }
}
