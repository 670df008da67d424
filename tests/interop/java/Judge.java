import org.apache.activemq.artemis.api.core.SimpleString;
import org.apache.activemq.artemis.api.core.client.ActiveMQClient;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.api.core.client.ClientSessionFactory;
import org.apache.activemq.artemis.api.core.client.ServerLocator;

/**
 * Empties queues of text messages that are numbers, from 0 on: java Judge URL QUEUE=COUNT... Prints a line per queue: its name, how many came, how many
 * of the wanted are missing, how many came twice or were not wanted, how many came after a higher one.
 */
public final class Judge {
    private static final long PATIENCE_NS = 60_000_000_000L;

    public static void main(String[] args) throws Exception {
        try (ServerLocator locator = ActiveMQClient.createServerLocator(args[0]);
                ClientSessionFactory factory = locator.createSessionFactory();
                ClientSession session = factory.createSession(true, true, 0)) { // each acknowledgement at once: the broker is asked what is left
            session.start();
            for (int index = 1; index < args.length; index++) {
                String[] words = args[index].split("=");
                judge(session, words[0], Integer.parseInt(words[1]));
            }
        }
    }

    private static void judge(ClientSession session, String queue, int count) throws Exception {
        boolean[] seen = new boolean[count];
        int came = 0, doubled = 0, late = 0, highest = -1;
        try (ClientConsumer consumer = session.createConsumer(queue)) {
            for (ClientMessage message; (message = next(session, consumer, queue)) != null; message.acknowledge()) {
                SimpleString text = message.getReadOnlyBodyBuffer().readNullableSimpleString();
                int number = Integer.parseInt(text.toString());
                came++;
                late += number < highest ? 1 : 0;
                highest = Math.max(highest, number);
                if (number >= count || seen[number]) {
                    doubled++;
                } else {
                    seen[number] = true;
                }
            }
        }
        int missing = 0;
        for (boolean each : seen) {
            missing += each ? 0 : 1;
        }
        System.out.println("JUDGED " + queue + " " + came + " " + missing + " " + doubled + " " + late);
    }

    /** The next message, null if the queue is empty. That nothing comes at once is no proof: Artemis says so too where a consumer has used up its credits. */
    private static ClientMessage next(ClientSession session, ClientConsumer consumer, String queue) throws Exception {
        long giveUpAt = System.nanoTime() + PATIENCE_NS;
        while (true) {
            ClientMessage message = consumer.receiveImmediate();
            if (message != null || session.queueQuery(new SimpleString(queue)).getMessageCount() == 0 || System.nanoTime() > giveUpAt) {
                return message;
            }
        }
    }
}
