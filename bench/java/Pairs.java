import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
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
import org.apache.activemq.artemis.api.core.client.ServerLocator;

/**
 * What a replicated pair does for one Java program: java Pairs URL. Durable messages of 100 bytes; each producer has a connection and a
 * queue of its own, and all consumers share one connection. Commands on standard input:
 *
 * <p>"blocking P N", "async P N": P producers send N messages each, waiting for the answer to each, or for none while fewer than AHEAD
 * are open. Answered by "DONE milliseconds p50us p99us" when all came, in order, and were acknowledged; the times are from the call of
 * send to its answer, with what a send that is not awaited waits for room.
 *
 * <p>"flow": from now on one blocking producer and its consumer run, whatever is raised. "mark", "since": "SINCE from to raised": when the
 * longest silence between two deliveries since the mark began and ended (microseconds since the epoch), and how many calls raised.
 */
public final class Pairs {
    private static final int AHEAD = 500;

    private final String url;
    private final AtomicReference<Throwable> fault = new AtomicReference<>();
    private final AtomicLong raised = new AtomicLong();
    private long heardAt;
    private long silenceFrom;
    private long silenceTo;

    private Pairs(String url) {
        this.url = url;
    }

    public static void main(String[] arguments) throws Exception {
        Pairs pairs = new Pairs(arguments[0]);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "blocking", "async" -> System.out.println(
                        pairs.run(words[0].equals("blocking"), Integer.parseInt(words[1]), Integer.parseInt(words[2])));
                case "flow" -> pairs.flow();
                case "mark" -> pairs.mark();
                case "since" -> System.out.println(pairs.since());
                default -> throw new IllegalArgumentException(line);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    /** One producer with its queue. */
    private static final class Producer {
        final String queue;
        final ClientSessionFactory factory;
        final ClientSession session;
        final long[] took;

        Producer(ServerLocator locator, String queue, int count) throws Exception {
            this.queue = queue;
            this.factory = locator.createSessionFactory();
            this.session = factory.createSession(true, true, 0);
            this.took = new long[count];
            session.createQueue(queue, RoutingType.ANYCAST, queue, true);
        }

        void send(boolean blocking) throws Exception {
            Semaphore room = new Semaphore(AHEAD);
            try (ClientProducer producer = session.createProducer(queue)) {
                for (int i = 0; i < took.length; i++) {
                    ClientMessage message = message(session, i);
                    long began = System.nanoTime();
                    if (blocking) {
                        producer.send(message);
                        took[i] = System.nanoTime() - began;
                    } else {
                        int number = i;
                        room.acquire();
                        producer.send(message, answered -> {
                            took[number] = System.nanoTime() - began;
                            room.release();
                        });
                    }
                }
            }
            room.acquire(AHEAD);
        }

        void end() throws Exception {
            session.deleteQueue(queue);
            factory.close();
        }
    }

    private static ClientMessage message(ClientSession session, int number) {
        ClientMessage message = session.createMessage(true);
        message.putIntProperty("number", number);
        message.getBodyBuffer().writeBytes(new byte[100]);
        return message;
    }

    private String run(boolean blocking, int producers, int count) throws Exception {
        fault.set(null);
        CountDownLatch all = new CountDownLatch(producers * count);
        List<Producer> sending = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        try (ServerLocator locator = ActiveMQClient.createServerLocator(url).setAckBatchSize(0).setBlockOnDurableSend(blocking);
                ClientSessionFactory taking = locator.createSessionFactory()) {
            List<ClientConsumer> consumers = new ArrayList<>();
            for (int p = 0; p < producers; p++) {
                Producer producer = new Producer(locator, "pairs." + System.nanoTime(), count);
                sending.add(producer);
                consumers.add(consume(taking.createSession(true, true, 0), producer.queue, all));
                threads.add(new Thread(() -> {
                    try {
                        producer.send(blocking);
                    } catch (Throwable error) {
                        failed(error, all);
                    }
                }));
            }
            long began = System.nanoTime();
            threads.forEach(Thread::start);
            all.await();
            double milliseconds = (System.nanoTime() - began) / 1e6;
            for (Thread thread : threads) {
                thread.join();
            }
            if (fault.get() != null) {
                throw new IllegalStateException(fault.get());
            }
            for (int p = 0; p < producers; p++) {
                consumers.get(p).close();
                sending.get(p).end();
            }
            long[] took = sending.stream().flatMapToLong(producer -> Arrays.stream(producer.took)).sorted().toArray();
            return String.format(Locale.ROOT, "DONE %.3f %.1f %.1f", milliseconds, took[took.length / 2] / 1e3,
                    took[(int) (took.length * 0.99)] / 1e3);
        }
    }

    private ClientConsumer consume(ClientSession session, String queue, CountDownLatch all) throws Exception {
        AtomicLong next = new AtomicLong();
        ClientConsumer consumer = session.createConsumer(queue);
        consumer.setMessageHandler(message -> {
            try {
                if (message.getIntProperty("number") != next.getAndIncrement()) {
                    throw new IllegalStateException("message " + message.getIntProperty("number") + " is not the next");
                }
                message.acknowledge();
            } catch (Throwable error) {
                failed(error, all);
            }
            all.countDown();
        });
        session.start();
        return consumer;
    }

    private void failed(Throwable error, CountDownLatch all) {
        fault.compareAndSet(null, error);
        while (all.getCount() > 0) {
            all.countDown();
        }
    }

    private void flow() throws Exception {
        ServerLocator locator = ActiveMQClient.createServerLocator(url).setAckBatchSize(0);
        String queue = "flow." + System.nanoTime();
        ClientSession out = locator.createSessionFactory().createSession(true, true, 0);
        ClientSession in = locator.createSessionFactory().createSession(true, true, 0);
        out.createQueue(queue, RoutingType.ANYCAST, queue, true);
        in.createConsumer(queue).setMessageHandler(message -> {
            heard();
            try {
                message.acknowledge();
            } catch (Exception error) {
                raised.incrementAndGet();
            }
        });
        in.start();
        ClientProducer producer = out.createProducer(queue);
        Thread sender = new Thread(() -> {
            for (int n = 0;; n++) {
                try {
                    producer.send(message(out, n));
                } catch (Exception error) {
                    raised.incrementAndGet();
                }
            }
        });
        sender.setDaemon(true);
        sender.start();
    }

    private static long micros() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }

    private synchronized void heard() {
        long now = micros();
        if (heardAt > 0 && now - heardAt > silenceTo - silenceFrom) {
            silenceFrom = heardAt;
            silenceTo = now;
        }
        heardAt = now;
    }

    private synchronized void mark() {
        silenceFrom = 0;
        silenceTo = 0;
    }

    private synchronized String since() {
        return "SINCE " + silenceFrom + " " + silenceTo + " " + raised;
    }
}
