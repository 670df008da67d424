import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.activemq.artemis.api.core.Message;
import org.apache.activemq.artemis.api.core.RoutingType;
import org.apache.activemq.artemis.api.core.client.ActiveMQClient;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientProducer;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.api.core.client.ClientSessionFactory;
import org.apache.activemq.artemis.api.core.client.SendAcknowledgementHandler;
import org.apache.activemq.artemis.api.core.client.ServerLocator;

/** Streams of numbered messages over the core API: one way of sending or acknowledging each. */
final class CoreLanes {
    static void addTo(Map<String, Lane.Body> lanes) {
        lanes.put("core.blocking", lane -> blocking(lane, true));
        lanes.put("core.nondurable", lane -> blocking(lane, false));
        lanes.put("core.async", lane -> async(lane, true, consumer(1, false)));
        lanes.put("core.plain", lane -> async(lane, false, consumer(5, false)));
        lanes.put("core.prefetch", lane -> async(lane, true, consumer(200, false)));
        lanes.put("core.individual", lane -> async(lane, true, consumer(100, true)));
        lanes.put("core.window0", lane -> async(lane, true, (l, s) -> consume(l, s, s.createConsumer(l.address, null, 0, -1, false), 1, false)));
        lanes.put("core.unlimited", lane -> async(lane, false, (l, s) -> consume(l, s, s.createConsumer(l.address, null, -1, -1, false), 50, false)));
        lanes.put("core.preack", CoreLanes::preAcknowledged);
        lanes.put("core.tx", CoreLanes::transactions);
        lanes.put("core.storm", CoreLanes::storm);
    }

    interface Consumer {
        void run(Lane lane, ClientSession session) throws Exception;
    }

    static ServerLocator locator(Lane lane) throws Exception {
        return ActiveMQClient.createServerLocator(lane.run.url);
    }

    static ClientSessionFactory factory(Lane lane) throws Exception {
        ClientSessionFactory[] made = new ClientSessionFactory[1];
        lane.fragile(l -> made[0] = locator(l).createSessionFactory());
        return made[0];
    }

    /** Not before it is connected again, if its broker has just died. */
    static void close(Lane lane, ClientSessionFactory factory) throws Exception {
        lane.fragile(l -> {
            factory.createSession(true, true, 0).close();
            factory.close();
        });
    }

    /** For old and new clients alike, hence the overload that both have. */
    @SuppressWarnings("deprecation")
    static void queue(ClientSession session, String name) throws Exception {
        session.createQueue(name, RoutingType.ANYCAST, name, true);
    }

    static ClientMessage message(ClientSession session, boolean durable, long number) {
        ClientMessage message = session.createMessage(durable);
        message.putLongProperty("n", number);
        message.getBodyBuffer().writeBytes(new byte[100]);
        return message;
    }

    private static Consumer consumer(int acknowledgeEvery, boolean individually) {
        return (lane, session) -> consume(lane, session, session.createConsumer(lane.address), acknowledgeEvery, individually);
    }

    /** Takes 0, 1, 2, ... until the producer is done and all is there; acknowledges in batches. */
    static void consume(Lane lane, ClientSession session, ClientConsumer consumer, int every, boolean individually) throws Exception {
        session.start();
        List<ClientMessage> open = new ArrayList<>();
        long heard = System.currentTimeMillis();
        while (lane.awaited()) {
            ClientMessage message = consumer.receive(250);
            if (message == null) {
                if (lane.isDone() && System.currentTimeMillis() - heard > Lane.PATIENCE_MS) {
                    lane.missing();
                    return;
                }
            } else {
                heard = System.currentTimeMillis();
                lane.arrived(message.getLongProperty("n"), message.getDeliveryCount() != 1);
                open.add(message);
            }
            if (!open.isEmpty() && (open.size() >= every || message == null || !lane.awaited())) {
                acknowledge(open, individually);
            }
        }
        acknowledge(open, individually);
        session.commit();
        lane.check(consumer.receiveImmediate() == null, "a message too many at the end");
        consumer.close();
    }

    private static void acknowledge(List<ClientMessage> open, boolean individually) throws Exception {
        if (individually) {
            for (ClientMessage message : open) {
                message.individualAcknowledge();
            }
        } else if (!open.isEmpty()) {
            open.get(open.size() - 1).acknowledge();
        }
        open.clear();
    }

    private static void blocking(Lane lane, boolean durable) throws Exception {
        ClientSessionFactory factory = factory(lane);
        ClientSession out = factory.createSession(true, true, 0);
        ClientSession in = factory.createSession(true, true, 0);
        queue(out, lane.address);
        lane.start(l -> consume(l, in, in.createConsumer(l.address), 1, false));
        ClientProducer producer = out.createProducer(lane.address);
        for (long n = 0; lane.moreInReach(n); n++) {
            long began = System.nanoTime();
            producer.send(message(out, durable, n));
            lane.took(began);
            lane.sent.incrementAndGet();
        }
        lane.done();
    }

    /** A handler makes sends non-blocking; at most 200 are unanswered; each is answered once. */
    private static void async(Lane lane, boolean durable, Consumer consumer) throws Exception {
        ClientSessionFactory factory = factory(lane);
        ClientSession out = factory.createSession(true, true, 0);
        ClientSession in = factory.createSession(true, true, 0);
        queue(out, lane.address);
        lane.start(l -> consumer.run(l, in));
        ClientProducer producer = out.createProducer(lane.address);
        Semaphore room = new Semaphore(200);
        SendAcknowledgementHandler handler = new SendAcknowledgementHandler() {
            @Override
            public void sendAcknowledged(Message message) {
                lane.answered(message.getLongProperty("n"));
                room.release();
            }

            // Overrides what clients before 2.7 do not have.
            public void sendFailed(Message message, Exception error) {
                lane.raised(error);
                room.release();
            }
        };
        for (long n = 0; lane.moreInReach(n); n++) {
            room.acquire();
            producer.send(message(out, durable, n), handler);
            lane.sent.incrementAndGet();
        }
        lane.done();
        lane.check(room.tryAcquire(200, Lane.PATIENCE_MS, TimeUnit.MILLISECONDS), "answers missing: " + (200 - room.availablePermits()));
        lane.equal(lane.sent.get(), (long) lane.answers(), "answered sends");
    }

    /** The broker counts as consumed what it delivers. */
    private static void preAcknowledged(Lane lane) throws Exception {
        ClientSessionFactory factory = factory(lane);
        ClientSession out = factory.createSession(true, true, 0);
        ClientSession in = factory.createSession(null, null, false, true, true, true, 0);
        queue(out, lane.address);
        ClientProducer producer = out.createProducer(lane.address);
        lane.start(l -> consume(l, in, in.createConsumer(l.address), 1, false));
        for (long n = 0; lane.moreInReach(n); n++) {
            producer.send(message(out, false, n));
            lane.sent.incrementAndGet();
        }
        lane.done();
    }

    /** Transactions on both sides, every fifth rolled back; what was rolled back comes again in order, counted. */
    private static void transactions(Lane lane) throws Exception {
        ClientSessionFactory factory = factory(lane);
        ClientSession out = factory.createSession(false, false, 0);
        ClientSession in = factory.createSession(false, false, 0);
        queue(out, lane.address);
        lane.start(l -> transactedConsumer(l, in));
        ClientProducer producer = out.createProducer(lane.address);
        for (long n = 0, round = 0; lane.moreInReach(n); round++) {
            for (int i = 0; i < 10; i++) {
                producer.send(message(out, true, n + i));
            }
            if (round % 5 == 4) {
                out.rollback();
            } else {
                out.commit();
                lane.sent.addAndGet(10);
                n += 10;
            }
        }
        lane.done();
    }

    private static void transactedConsumer(Lane lane, ClientSession session) throws Exception {
        ClientConsumer consumer = session.createConsumer(lane.address);
        session.start();
        long heard = System.currentTimeMillis();
        long rolledBack = -1;
        for (long round = 0; lane.awaited(); round++) {
            long next = lane.received.get();
            for (int i = 0; i < 7; i++) {
                ClientMessage message = consumer.receive(250);
                if (message == null) {
                    break;
                }
                heard = System.currentTimeMillis();
                long number = message.getLongProperty("n");
                lane.expect(next, number);
                lane.check(message.getDeliveryCount() == (number <= rolledBack ? 2 : 1), "delivery count of " + number + ": " + message.getDeliveryCount());
                next = number + 1;
                message.acknowledge();
            }
            if (round % 5 == 4 && next - 1 > rolledBack) {
                session.rollback();
                rolledBack = next - 1;
            } else {
                session.commit();
                lane.received.set(next);
            }
            if (lane.isDone() && System.currentTimeMillis() - heard > Lane.PATIENCE_MS) {
                lane.missing();
                return;
            }
        }
        consumer.close();
    }

    /** Many sessions on one connection that send without waiting, one consumer; order holds per producer. */
    private static void storm(Lane lane) throws Exception {
        int producers = 8;
        ClientSessionFactory factory = factory(lane);
        ClientSession in = factory.createSession(true, true, 0);
        queue(in, lane.address);
        Semaphore ended = new Semaphore(0);
        for (int p = 0; p < producers; p++) {
            int number = p;
            ClientSession out = factory.createSession(true, true, 0);
            lane.start(l -> {
                ClientProducer producer = out.createProducer(l.address);
                Semaphore room = new Semaphore(10);
                for (long n = 0; l.more(n * producers); n++) {
                    room.acquire();
                    producer.send(message(out, false, n).putIntProperty("p", number), answered -> room.release());
                    l.sent.incrementAndGet();
                }
                ended.release();
            });
        }
        lane.start(l -> {
            ended.acquire(producers);
            l.done();
        });
        ClientConsumer consumer = in.createConsumer(lane.address);
        in.start();
        long[] next = new long[producers];
        long heard = System.currentTimeMillis();
        while (lane.awaited()) {
            ClientMessage message = consumer.receive(250);
            if (message != null) {
                heard = System.currentTimeMillis();
                int p = message.getIntProperty("p");
                next[p] = lane.expect(next[p], message.getLongProperty("n"));
                lane.received.incrementAndGet();
                message.acknowledge();
            } else if (lane.isDone() && System.currentTimeMillis() - heard > Lane.PATIENCE_MS) {
                lane.missing();
                return;
            }
        }
    }
}
