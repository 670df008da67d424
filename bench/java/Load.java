import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.activemq.artemis.api.core.RoutingType;
import org.apache.activemq.artemis.api.core.client.ActiveMQClient;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientProducer;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.api.core.client.ClientSessionFactory;
import org.apache.activemq.artemis.api.core.client.SendAcknowledgementHandler;
import org.apache.activemq.artemis.api.core.client.ServerLocator;

/**
 * One producer and one consumer, each on a connection of its own; every message is acknowledged alone. 100-byte bodies, three
 * properties. Commands on standard input: "flood|confirmed|blocking durable|volatile N"; the answer to each is
 * "DONE sent received acknowledged milliseconds p50us p99us". The numbers in the messages prove that each came once and in order.
 *
 * flood: nobody waits for anything. confirmed: each send is answered, nobody waits. blocking: each send waits for its answer.
 * At most LEAD messages are under way, so that queues stay short.
 */
public final class Load {
    private static final int LEAD = 5_000;

    private final String url;
    private final AtomicReference<Throwable> fault = new AtomicReference<>();

    private Load(String url) {
        this.url = url;
    }

    public static void main(String[] arguments) throws Exception {
        Load load = new Load(arguments[0]);
        var commands = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ");
            System.out.println(load.run(words[0], words[1].equals("durable"), Integer.parseInt(words[2])));
        }
        System.exit(0);
    }

    private String run(String mode, boolean durable, int count) throws Exception {
        boolean blocking = mode.equals("blocking"), answered = mode.equals("confirmed");
        String name = mode + "." + durable + "." + System.nanoTime();
        try (ServerLocator locator = ActiveMQClient.createServerLocator(url)) {
            locator.setConfirmationWindowSize(answered ? 1 << 20 : -1);
            locator.setBlockOnDurableSend(blocking).setBlockOnNonDurableSend(blocking).setAckBatchSize(0);
            try (ClientSessionFactory here = locator.createSessionFactory();
                    ClientSessionFactory there = locator.createSessionFactory();
                    ClientSession out = here.createSession(true, true, 0);
                    ClientSession in = there.createSession(true, true, 0)) {
                out.createQueue(name, RoutingType.ANYCAST, name, true);
                Semaphore room = new Semaphore(LEAD);
                AtomicLong received = new AtomicLong();
                AtomicLong answers = new AtomicLong();
                CountDownLatch all = new CountDownLatch(answered ? 2 * count : count);
                ClientConsumer consumer = in.createConsumer(name);
                consumer.setMessageHandler(m -> {
                    try {
                        if (m.getIntProperty("number") != received.getAndIncrement()) {
                            throw new IllegalStateException("message " + m.getIntProperty("number") + " is not the next");
                        }
                        m.individualAcknowledge();
                    } catch (Throwable e) {
                        fault.compareAndSet(null, e);
                    }
                    room.release();
                    all.countDown();
                });
                in.start();
                SendAcknowledgementHandler handler = m -> {
                    answers.incrementAndGet();
                    all.countDown();
                };
                long began = System.nanoTime();
                long[] took = send(out, name, durable, count, room, answered ? handler : null);
                all.await();
                double milliseconds = (System.nanoTime() - began) / 1e6;
                consumer.close();
                in.commit();
                long left = out.queueQuery(org.apache.activemq.artemis.api.core.SimpleString.of(name)).getMessageCount();
                out.deleteQueue(name);
                if (fault.get() != null || left != 0 || answered && answers.get() != count) {
                    throw new IllegalStateException(left + " left, " + answers.get() + " answers", fault.get());
                }
                Arrays.sort(took);
                return String.format(java.util.Locale.ROOT, "DONE %d %d %d %.3f %.1f %.1f", count, received.get(), count - left,
                        milliseconds, took[count / 2] / 1e3, took[(int) (count * 0.99)] / 1e3);
            }
        }
    }

    private long[] send(ClientSession session, String address, boolean durable, int count, Semaphore room,
            SendAcknowledgementHandler handler) throws Exception {
        byte[] body = new byte[100];
        long[] took = new long[count];
        try (ClientProducer producer = session.createProducer(address)) {
            for (int i = 0; i < count; i++) {
                room.acquire();
                ClientMessage message = session.createMessage(durable);
                message.getBodyBuffer().writeBytes(body);
                message.putStringProperty("customer", "ACME").putIntProperty("number", i).putDoubleProperty("total", 99.5);
                long began = System.nanoTime();
                if (handler == null) {
                    producer.send(message);
                } else {
                    producer.send(message, handler);
                }
                took[i] = System.nanoTime() - began;
            }
        }
        return took;
    }
}
