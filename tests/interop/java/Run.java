import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Runs lanes, all at once, in one JVM: java Run URL COUNT SECONDS LANE,... [PAUSE]  A lane is named in full or by a prefix that ends with
 * a dot; -LANE leaves one out. COUNT: messages (a hundredth of it: rounds) of each lane, 0: until stopped, with a pause of PAUSE ms (20)
 * after every eighth message. SECONDS: when to give up. The last line is RESULT and JSON; exit 0 if clean.
 *
 * <p>Standard input takes "progress" (answered by PROGRESS and one number a lane), "stop" (no new messages; what was sent is awaited),
 * "end SECONDS" (the same, for so long),
 * "hold" (answered by HELD when no connection is being opened or closed, and none is until "go"), "mark" and "since" (answered by
 * SINCE, the name of a lane, when its longest silence since the mark began and ended, how long its slowest blocking send took, and so
 * on for every lane; microseconds).
 */
public final class Run {
    final String url;
    final long count;
    /** Until told to stop. */
    final boolean endless;
    final String id = Long.toString(System.currentTimeMillis(), 36);
    final ReentrantReadWriteLock fragile = new ReentrantReadWriteLock(true);
    final long pauseMs;
    volatile boolean stopped;
    /** When to give up. */
    volatile long deadline;
    private final List<Lane> lanes = new ArrayList<>();

    Run(String url, long count, long pauseMs) {
        this.url = url;
        this.pauseMs = pauseMs;
        this.endless = count == 0;
        this.count = endless ? Long.MAX_VALUE : count;
    }

    public static void main(String[] args) throws Exception {
        Run run = new Run(args[0], Long.parseLong(args[1]), args.length > 4 ? Long.parseLong(args[4]) : 20);
        Map<String, Lane.Body> bodies = new TreeMap<>();
        CoreLanes.addTo(bodies);
        CoreCallLanes.addTo(bodies);
        JmsQueueLanes.addTo(bodies);
        JmsTopicLanes.addTo(bodies);
        JmsMessageLanes.addTo(bodies);
        JmsSessionLanes.addTo(bodies);
        for (String name : chosen(bodies.keySet(), args[3].split(","))) {
            Lane lane = new Lane(name, run);
            run.lanes.add(lane);
            lane.start(bodies.get(name));
        }
        run.deadline = System.currentTimeMillis() + 1000 * Long.parseLong(args[2]);
        run.listen();
        System.out.println("READY");
        Runtime.getRuntime().halt(run.finish());
    }

    private static Set<String> chosen(Set<String> names, String[] wanted) {
        Set<String> chosen = new TreeSet<>();
        for (String word : wanted) {
            boolean leaveOut = word.startsWith("-");
            String which = leaveOut ? word.substring(1) : word;
            List<String> found = new ArrayList<>(names);
            found.removeIf(name -> !name.equals(which) && !(which.endsWith(".") && name.startsWith(which)));
            if (found.isEmpty()) {
                throw new IllegalArgumentException("no lane " + which);
            }
            if (leaveOut) {
                chosen.removeAll(found);
            } else {
                chosen.addAll(found);
            }
        }
        return chosen;
    }

    private void listen() {
        Thread listener = new Thread(() -> {
            try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    obey(line);
                }
            } catch (Exception e) {
                System.out.println("FAULT standard input: " + e);
            }
        }, "stdin");
        listener.setDaemon(true);
        listener.start();
    }

    private void obey(String line) {
        switch (line) {
            case "progress":
                StringBuilder text = new StringBuilder("PROGRESS");
                lanes.forEach(lane -> text.append(' ').append(lane.steps.get()));
                System.out.println(text);
                break;
            case "mark":
                lanes.forEach(Lane::mark);
                break;
            case "since":
                StringBuilder silences = new StringBuilder("SINCE");
                lanes.forEach(lane -> silences.append(' ').append(lane.since()));
                System.out.println(silences);
                break;
            case "hold":
                fragile.writeLock().lock();
                System.out.println("HELD");
                break;
            case "go":
                fragile.writeLock().unlock();
                break;
            case "stop":
                stopped = true;
                break;
            default:
                if (!line.startsWith("end ")) {
                    throw new IllegalArgumentException(line);
                }
                stopped = true;
                deadline = System.currentTimeMillis() + 1000 * Long.parseLong(line.substring(4));
        }
    }

    private int finish() throws Exception {
        StringBuilder text = new StringBuilder("RESULT [");
        boolean clean = true;
        String comma = "";
        for (Lane lane : lanes) {
            lane.join();
            clean &= lane.faults.isEmpty();
            text.append(comma).append(lane.json());
            comma = ", ";
        }
        System.out.println(text.append("]"));
        return clean ? 0 : 1;
    }
}
