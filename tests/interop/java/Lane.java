import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One line of work that must notice nothing: what it sent, what it got, and every fault. Producers number their messages from 0;
 * each consumer checks that it sees 0, 1, 2, ... once and in order.
 */
final class Lane {
    interface Body {
        void run(Lane lane) throws Exception;
    }

    static final long PATIENCE_MS = 30_000;
    static final long AHEAD_MAX = 1_000;

    final String name;
    /** Name of queues and topics: no two runs share one. */
    final String address;
    final Run run;
    final AtomicLong sent = new AtomicLong();
    final AtomicLong received = new AtomicLong();
    final AtomicLong lost = new AtomicLong();
    final AtomicLong doubled = new AtomicLong();
    final AtomicLong redelivered = new AtomicLong();
    final AtomicLong exceptions = new AtomicLong();
    final AtomicLong notified = new AtomicLong();
    final AtomicLong steps = new AtomicLong();
    final ConcurrentLinkedQueue<String> faults = new ConcurrentLinkedQueue<>();
    private final List<Thread> threads = new ArrayList<>();
    private final BitSet answers = new BitSet();
    private final AtomicLong slowest = new AtomicLong();
    private volatile boolean done;
    private long heardAt = micros();
    private long silenceFrom;
    private long silenceTo;

    Lane(String name, Run run) {
        this.name = name;
        this.address = name + "." + run.id;
        this.run = run;
    }

    /** May the n-th message begin? An endless run leaves time for the other lanes. */
    boolean more(long n) throws InterruptedException {
        if (run.endless && n % 8 == 0) {
            Thread.sleep(run.pauseMs);
        }
        return n < run.count && !run.stopped;
    }

    /** The same for a producer that may leave its consumer behind: an endless run waits for that one, or its queue grows for hours. */
    boolean moreInReach(long n) throws InterruptedException {
        while (run.endless && !run.stopped && sent.get() - received.get() > AHEAD_MAX) {
            Thread.sleep(run.pauseMs);
        }
        return more(n);
    }

    /** The same for the n-th round of lanes whose rounds are many times the work of a message. */
    boolean moreRounds(long n) throws InterruptedException {
        if (run.endless) {
            Thread.sleep(run.pauseMs);
        }
        return n < Math.max(1, run.count / 100) && !run.stopped;
    }

    /**
     * Opens or closes a connection. A Java client whose broker dies meanwhile waits for its call timeout and may raise, whatever
     * any broker does: who kills brokers asks first that nobody is in here.
     */
    void fragile(Body body) throws Exception {
        run.fragile.readLock().lock();
        try {
            body.run(this);
        } finally {
            run.fragile.readLock().unlock();
        }
    }

    /** A blocking send that was begun at {@code nanos} of the nano clock is answered. */
    void took(long nanos) {
        slowest.accumulateAndGet((System.nanoTime() - nanos) / 1000, Math::max);
    }

    private static long micros() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }

    private synchronized void heard() {
        long now = micros();
        if (now - heardAt > silenceTo - silenceFrom) {
            silenceFrom = heardAt;
            silenceTo = now;
        }
        heardAt = now;
    }

    /** From here on: see {@link #since}. */
    synchronized void mark() {
        silenceFrom = 0;
        silenceTo = 0;
        slowest.set(0);
    }

    /** Begin and end of the longest silence between two messages since the mark (microseconds since the epoch), and the slowest blocking send. */
    synchronized String since() {
        return name + ' ' + silenceFrom + ' ' + silenceTo + ' ' + slowest;
    }

    /** The producer has sent its last message. */
    void done() {
        done = true;
    }

    /** Is a message still to come? */
    boolean awaited() {
        return !done || received.get() < sent.get();
    }

    boolean isDone() {
        return done;
    }

    void fault(String what) {
        if (faults.size() < 20) {
            faults.add(what);
            System.out.println("FAULT " + System.currentTimeMillis() + " " + name + ": " + what);
        }
    }

    void raised(Throwable error) {
        exceptions.incrementAndGet();
        StringBuilder text = new StringBuilder();
        for (Throwable e = error; e != null; e = e.getCause()) {
            text.append(e == error ? "" : " <- ").append(e);
        }
        StackTraceElement[] trace = error.getStackTrace();
        for (int i = 0; i < Math.min(12, trace.length); i++) {
            text.append(" | ").append(trace[i]);
        }
        fault(text.toString());
    }

    void check(boolean holds, String what) {
        steps.incrementAndGet();
        if (!holds) {
            fault(what);
        }
    }

    void equal(Object wanted, Object got, String what) {
        check(wanted == null ? got == null : wanted.equals(got), what + ": wanted " + wanted + ", got " + got);
    }

    /** A consumer got number {@code got} where {@code wanted} was next; returns the next one. */
    long expect(long wanted, long got) {
        steps.incrementAndGet();
        heard();
        if (got < wanted) {
            doubled.incrementAndGet();
            fault("DOUBLED or out of order: wanted " + wanted + ", got " + got);
            return wanted;
        }
        if (got > wanted) {
            lost.addAndGet(got - wanted);
            fault("LOST: wanted " + wanted + ", got " + got);
        }
        return got + 1;
    }

    /** The answer to number {@code n} came: once for each, not always in order, because a re-attaching client answers on two threads. */
    void answered(long n) {
        steps.incrementAndGet();
        synchronized (answers) {
            check(!answers.get((int) n), "answered twice: " + n);
            answers.set((int) n);
        }
    }

    int answers() {
        synchronized (answers) {
            return answers.cardinality();
        }
    }

    /** The next in order, not delivered before. */
    void arrived(long number, boolean again) {
        expect(received.get(), number);
        received.set(Math.max(received.get(), number + 1));
        if (again) {
            redelivered.incrementAndGet();
            fault("redelivered: " + number);
        }
    }

    void missing() {
        lost.addAndGet(sent.get() - received.get());
        fault("LOST at the end: " + received + " of " + sent);
    }

    /** Must fail with one of the classes; any other outcome is a fault. */
    @SafeVarargs
    final void refused(Body body, String what, Class<? extends Exception>... allowed) {
        steps.incrementAndGet();
        try {
            body.run(this);
            fault("not refused: " + what);
        } catch (Exception e) {
            for (Class<? extends Exception> c : allowed) {
                if (c.isInstance(e)) {
                    return;
                }
            }
            raised(new Exception("refused in another way: " + what, e));
        }
    }

    void start(Body body) {
        Thread thread = new Thread(() -> {
            try {
                body.run(this);
            } catch (Throwable e) {
                raised(e);
                done = true;
            }
        }, name);
        thread.setDaemon(true);
        synchronized (threads) {
            threads.add(thread);
        }
        thread.start();
    }

    /** Wait for all threads of this lane. */
    void join() throws InterruptedException {
        for (int i = 0;; i++) {
            Thread thread;
            synchronized (threads) {
                if (i == threads.size()) {
                    return;
                }
                thread = threads.get(i);
            }
            do {
                thread.join(100);
            } while (thread.isAlive() && System.currentTimeMillis() < run.deadline);
            if (thread.isAlive()) {
                StringBuilder where = new StringBuilder("HANGS");
                for (StackTraceElement e : thread.getStackTrace()) {
                    where.append(" | ").append(e);
                }
                fault(where.toString());
            }
        }
    }

    String json() {
        StringBuilder text = new StringBuilder("{\"lane\": ").append(quoted(name));
        Object[][] counts = {{"sent", sent}, {"received", received}, {"lost", lost}, {"doubled", doubled}, {"redelivered", redelivered},
            {"exceptions", exceptions}, {"notified", notified}, {"steps", steps}};
        for (Object[] count : counts) {
            text.append(", \"").append(count[0]).append("\": ").append(count[1]);
        }
        text.append(", \"faults\": [");
        String comma = "";
        for (String fault : faults) {
            text.append(comma).append(quoted(fault));
            comma = ", ";
        }
        return text.append("]}").toString();
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
