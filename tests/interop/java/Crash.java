import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/**
 * A broker is killed and restarted on its journal under this program, again and again: java Crash URL, which has parameters.
 *
 * <p>Sessions are gone then, so calls may fail; they are counted by class. What must hold: a message whose send or commit was answered
 * comes; one whose acknowledgement or commit was answered never comes again; one whose send failed comes at most once; order is kept.
 *
 * <p>A call that fails closes its connection. If a failover ends a call of that closing, JMS drops the session that it has just made
 * anew without a word to the broker, which keeps it, and what was delivered to it, until the connection's TTL is over: those come late.
 * Standard input takes "progress" and "stop"; the last line is RESULT and JSON.
 */
public final class Crash {
    static final long DROPPED_MS = 75_000; // more than the TTL of a connection, 60 s

    interface Body {
        void run() throws Exception;
    }

    /** What is known of the numbers of one lane. */
    static final class Ledger {
        final BitSet confirmed = new BitSet();
        final BitSet unsure = new BitSet();
        final BitSet seen = new BitSet();
        final BitSet settled = new BitSet();
        final List<int[]> unsureBatches = new ArrayList<>();
        int begun;
        int late; // what is below may have been delivered to a session that its consumer has dropped
        long last = -1;
        long redelivered;

        /** These are sent next. */
        synchronized void begin(int to) {
            begun = to;
        }

        /** Its consumer has another connection. */
        synchronized void moved() {
            late = begun;
        }

        synchronized void sent(int from, int to, boolean answered) {
            (answered ? confirmed : unsure).set(from, to);
            if (!answered) {
                unsureBatches.add(new int[] {from, to});
            }
        }

        /** Transactions of unknown outcome of which a part came. */
        synchronized long halves() {
            return unsureBatches.stream().map(batch -> seen.get(batch[0], batch[1]).cardinality() % (batch[1] - batch[0])).filter(part -> part > 0).count();
        }

        /** A message came; those of a session come in order, except for what comes again or late. */
        synchronized void came(Crash crash, String lane, int n) {
            if (settled.get(n)) {
                crash.fault(lane, "RETURNED: " + n + " had been acknowledged");
            }
            if (seen.get(n)) {
                redelivered++;
            } else if (n < last && n >= late) {
                crash.fault(lane, "OUT OF ORDER: " + n + " for the first time after " + last);
            }
            seen.set(n);
            last = n;
        }

        synchronized void settled(List<Integer> numbers) {
            numbers.forEach(settled::set);
        }

        synchronized int missing() {
            BitSet missing = (BitSet) confirmed.clone();
            missing.andNot(seen);
            return missing.cardinality();
        }
    }

    private final String url;
    private final Map<String, Ledger> ledgers = new TreeMap<>();
    private final Map<String, AtomicLong> raised = new ConcurrentHashMap<>();
    private final List<String> faults = new ArrayList<>();
    private final List<Thread> producers = new ArrayList<>();
    private final List<Thread> consumers = new ArrayList<>();
    private volatile boolean stopped;
    private volatile boolean produced;

    private Crash(String url) {
        this.url = url;
    }

    public static void main(String[] args) throws Exception {
        Crash crash = new Crash(args[0]);
        String id = Long.toString(System.currentTimeMillis(), 36);
        crash.lane("auto", id, false, Session.AUTO_ACKNOWLEDGE);
        crash.lane("client", id, false, Session.CLIENT_ACKNOWLEDGE);
        crash.lane("transacted", id, true, Session.SESSION_TRANSACTED);
        System.out.println("READY");
        crash.listen();
        Runtime.getRuntime().halt(crash.finish());
    }

    synchronized void fault(String lane, String what) {
        if (faults.size() < 20) {
            faults.add(lane + ": " + what);
            System.out.println("FAULT " + lane + ": " + what);
        }
    }

    private void lane(String name, String id, boolean transacted, int mode) {
        Ledger ledger = new Ledger();
        ledgers.put(name, ledger);
        String queue = "crash." + name + "." + id;
        producers.add(start(name, () -> produce(ledger, queue, transacted)));
        consumers.add(start(name, () -> consume(name, ledger, queue, mode)));
    }

    private Thread start(String lane, Body body) {
        Thread thread = new Thread(() -> {
            try {
                body.run();
            } catch (Throwable e) {
                fault(lane, e.toString());
            }
        }, lane);
        thread.start();
        return thread;
    }

    private void count(JMSException error) {
        Throwable cause = error.getCause() == null ? error : error.getCause();
        raised.computeIfAbsent(cause.getClass().getSimpleName(), name -> new AtomicLong()).incrementAndGet();
    }

    private Connection connect(String to) throws Exception {
        while (true) {
            try {
                Connection connection = new ActiveMQConnectionFactory(to).createConnection();
                connection.start();
                return connection;
            } catch (JMSException error) {
                count(error);
                Thread.sleep(50);
            }
        }
    }

    private void produce(Ledger ledger, String queue, boolean transacted) throws Exception {
        int next = 0;
        while (!stopped) {
            int from = next;
            Connection connection = connect(url);
            try {
                Session session = connection.createSession(transacted, transacted ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
                MessageProducer producer = session.createProducer(session.createQueue(queue));
                while (!stopped) {
                    from = next;
                    int size = transacted ? 5 : 1;
                    next += size;
                    ledger.begin(next);
                    for (int n = from; n < next; n++) {
                        Message message = session.createMessage();
                        message.setIntProperty("n", n);
                        producer.send(message);
                    }
                    if (transacted) {
                        session.commit();
                    }
                    ledger.sent(from, next, true);
                    from = next;
                    Thread.sleep(1);
                }
            } catch (JMSException error) {
                count(error);
                if (from < next) {
                    ledger.sent(from, next, false);
                }
            }
            quietly(connection);
        }
    }

    private void consume(String name, Ledger ledger, String queue, int mode) throws Exception {
        long heard = System.currentTimeMillis();
        while (!produced || ledger.missing() > 0 && System.currentTimeMillis() - heard < DROPPED_MS) {
            // An acknowledgement that is not answered proves nothing; in AUTO it would hide the message from us if it failed.
            Connection connection = connect(mode == Session.CLIENT_ACKNOWLEDGE ? url + "&blockOnAcknowledge=true" : url);
            ledger.moved();
            try {
                Session session = connection.createSession(mode == Session.SESSION_TRANSACTED, mode);
                MessageConsumer consumer = session.createConsumer(session.createQueue(queue));
                List<Integer> open = new ArrayList<>();
                Message last = null;
                while (!produced || ledger.missing() > 0 && System.currentTimeMillis() - heard < DROPPED_MS) {
                    Message message = consumer.receive(100);
                    if (message != null) {
                        heard = System.currentTimeMillis();
                        int n = message.getIntProperty("n");
                        ledger.came(this, name, n);
                        open.add(n);
                        last = message;
                    }
                    if (mode == Session.AUTO_ACKNOWLEDGE) {
                        open.clear(); // told to the broker, but answered to nobody
                    } else if (!open.isEmpty() && (open.size() >= 7 || message == null)) {
                        if (mode == Session.CLIENT_ACKNOWLEDGE) {
                            last.acknowledge();
                        } else {
                            session.commit();
                        }
                        ledger.settled(open);
                        open.clear();
                    }
                }
            } catch (JMSException error) {
                count(error);
            }
            quietly(connection);
        }
    }

    private static void quietly(Connection connection) {
        try {
            connection.close();
        } catch (JMSException error) {
            // it was broken already
        }
    }

    private void listen() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null && !line.equals("stop"); line = in.readLine()) {
            if (line.equals("progress")) {
                StringBuilder text = new StringBuilder("PROGRESS");
                for (Ledger ledger : ledgers.values()) {
                    synchronized (ledger) {
                        text.append(' ').append(ledger.confirmed.cardinality()).append(' ').append(ledger.seen.cardinality());
                    }
                }
                System.out.println(text);
            }
        }
        stopped = true;
    }

    private int finish() throws Exception {
        for (Thread thread : producers) {
            thread.join(60_000);
        }
        produced = true;
        for (Thread thread : consumers) {
            thread.join(2 * DROPPED_MS);
        }
        StringBuilder text = new StringBuilder("RESULT [");
        String comma = "";
        for (Map.Entry<String, Ledger> entry : ledgers.entrySet()) {
            Ledger ledger = entry.getValue();
            if (ledger.missing() > 0) {
                fault(entry.getKey(), "LOST: " + ledger.missing() + " confirmed messages");
            }
            if (ledger.halves() > 0) {
                fault(entry.getKey(), "HALF: " + ledger.halves() + " transactions came in part");
            }
            BitSet arrived = (BitSet) ledger.unsure.clone();
            arrived.and(ledger.seen);
            text.append(comma).append(String.format("{\"lane\": \"%s\", \"confirmed\": %d, \"unsure\": %d, \"unsure_arrived\": %d, "
                + "\"seen\": %d, \"settled\": %d, \"redelivered\": %d, \"faults\": [", entry.getKey(), ledger.confirmed.cardinality(),
                ledger.unsure.cardinality(), arrived.cardinality(), ledger.seen.cardinality(), ledger.settled.cardinality(), ledger.redelivered));
            String inner = "";
            for (String fault : faults) {
                if (fault.startsWith(entry.getKey() + ": ")) {
                    text.append(inner).append('"').append(fault.replace("\\", "/").replace("\"", "'")).append('"');
                    inner = ", ";
                }
            }
            text.append("]}");
            comma = ", ";
        }
        System.out.println("RAISED " + raised);
        System.out.println(text.append("]"));
        return faults.isEmpty() ? 0 : 1;
    }
}
