import java.util.Map;
import java.util.concurrent.Semaphore;
import org.apache.activemq.artemis.api.core.ActiveMQDuplicateIdException;
import org.apache.activemq.artemis.api.core.ActiveMQException;
import org.apache.activemq.artemis.api.core.ActiveMQInvalidFilterExpressionException;
import org.apache.activemq.artemis.api.core.ActiveMQNonExistentQueueException;
import org.apache.activemq.artemis.api.core.ActiveMQQueueExistsException;
import org.apache.activemq.artemis.api.core.Message;
import org.apache.activemq.artemis.api.core.RoutingType;
import org.apache.activemq.artemis.api.core.SimpleString;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientProducer;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.api.core.client.ClientSessionFactory;
import org.apache.activemq.artemis.api.core.client.SendAcknowledgementHandler;

/** Requests and their answers over the core API, in rounds. */
@SuppressWarnings("deprecation")
final class CoreCallLanes {
    static void addTo(Map<String, Lane.Body> lanes) {
        lanes.put("core.calls", CoreCallLanes::calls);
        lanes.put("core.refused", CoreCallLanes::refused);
        lanes.put("core.temporary", CoreCallLanes::temporary);
        lanes.put("core.browse", CoreCallLanes::browse);
        lanes.put("core.filters", CoreCallLanes::filters);
        lanes.put("core.multicast", CoreCallLanes::multicast);
        lanes.put("core.duplicates", CoreCallLanes::duplicates);
        lanes.put("core.recover", CoreCallLanes::recover);
    }

    private static ClientMessage take(Lane lane, ClientConsumer consumer, long number) throws Exception {
        ClientMessage message = consumer.receive(Lane.PATIENCE_MS);
        if (message == null) {
            lane.lost.incrementAndGet();
            throw new Exception("LOST: " + number + " did not come");
        }
        lane.expect(number, message.getLongProperty("n"));
        return message;
    }

    /** Nothing but blocking calls; sessions and connections come and go. */
    private static void calls(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        for (long n = 0; lane.moreRounds(n); n++) {
            ClientSession session = factory.createSession(true, true, 0);
            String name = lane.address + "." + n;
            CoreLanes.queue(session, name);
            ClientProducer producer = session.createProducer(name);
            producer.send(CoreLanes.message(session, true, n));
            lane.sent.incrementAndGet();
            ClientSession.QueueQuery query = session.queueQuery(new SimpleString(name));
            lane.check(query.isExists() && query.isDurable() && !query.isTemporary(), "queue query of " + name);
            lane.equal(1L, query.getMessageCount(), "message count");
            lane.equal(name, query.getAddress().toString(), "address");
            ClientSession.AddressQuery address = session.addressQuery(new SimpleString(name));
            lane.check(address.isExists() && address.getQueueNames().toString().equals("[" + name + "]"), "address query: " + address.getQueueNames());
            ClientConsumer consumer = session.createConsumer(name);
            session.start();
            take(lane, consumer, n).acknowledge();
            lane.received.incrementAndGet();
            lane.check(consumer.receiveImmediate() == null, "DOUBLED " + n);
            consumer.close();
            session.stop();
            session.deleteQueue(name);
            lane.check(!session.queueQuery(new SimpleString(name)).isExists(), "a deleted queue exists");
            session.close();
            if (n % 10 == 9) {
                CoreLanes.close(lane, factory);
                factory = CoreLanes.factory(lane);
            }
        }
    }

    /** Refused commands between unanswered sends: the counts of both sides must not part. */
    private static void refused(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        ClientSession out = factory.createSession(true, true, 0);
        ClientSession in = factory.createSession(true, true, 0);
        CoreLanes.queue(out, lane.address);
        lane.start(l -> CoreLanes.consume(l, in, in.createConsumer(l.address), 20, false));
        ClientProducer producer = out.createProducer(lane.address);
        Semaphore room = new Semaphore(50);
        SendAcknowledgementHandler answered = message -> room.release();
        for (long n = 0; lane.more(n); n++) {
            if (n % 50 == 49) {
                // Clients as old as 2.19 take any answer for that of a blocking call: leave no send unanswered.
                room.acquire(50);
                room.release(50);
                lane.refused(l -> CoreLanes.queue(out, l.address), "a second queue of one name", ActiveMQQueueExistsException.class);
                lane.refused(l -> out.createConsumer("nowhere." + l.address), "a consumer on no queue", ActiveMQNonExistentQueueException.class);
                lane.refused(l -> out.deleteQueue("nowhere." + l.address), "deleting no queue", ActiveMQNonExistentQueueException.class);
                lane.refused(l -> out.createConsumer(l.address, "a = = b"), "a filter that is none", ActiveMQInvalidFilterExpressionException.class);
            }
            room.acquire();
            producer.send(CoreLanes.message(out, false, n), answered);
            lane.sent.incrementAndGet();
        }
        lane.done();
    }

    /** Request and reply over a temporary queue, which ends with its connection. */
    private static void temporary(Lane lane) throws Exception {
        ClientSessionFactory askers = CoreLanes.factory(lane);
        ClientSession asks = askers.createSession(true, true, 0);
        ClientSessionFactory servers = CoreLanes.factory(lane);
        ClientSession serves = servers.createSession(true, true, 0);
        String reply = lane.address + ".reply";
        CoreLanes.queue(serves, lane.address);
        asks.createTemporaryQueue(reply, RoutingType.ANYCAST, reply);
        ClientConsumer questions = serves.createConsumer(lane.address);
        ClientProducer back = serves.createProducer(reply);
        serves.start();
        lane.start(l -> {
            while (!l.isDone()) {
                ClientMessage question = questions.receive(250);
                if (question != null) {
                    question.acknowledge();
                    back.send(CoreLanes.message(serves, false, question.getLongProperty("n")));
                }
            }
        });
        ClientConsumer answers = asks.createConsumer(reply);
        ClientProducer producer = asks.createProducer(lane.address);
        asks.start();
        for (long n = 0; lane.more(n); n++) {
            producer.send(CoreLanes.message(asks, false, n));
            lane.sent.incrementAndGet();
            take(lane, answers, n).acknowledge();
            lane.received.incrementAndGet();
        }
        lane.done();
        CoreLanes.close(lane, askers);
        long deadline = System.currentTimeMillis() + Lane.PATIENCE_MS;
        while (serves.queueQuery(new SimpleString(reply)).isExists() && System.currentTimeMillis() < deadline) {
            Thread.sleep(20);
        }
        lane.check(!serves.queueQuery(new SimpleString(reply)).isExists(), "a temporary queue outlived its connection");
    }

    private static void fill(Lane lane, ClientSession session, String address, int count) throws Exception {
        ClientProducer producer = session.createProducer(address);
        for (int i = 0; i < count; i++) {
            ClientMessage message = CoreLanes.message(session, true, i);
            message.putStringProperty("colour", i % 2 == 0 ? "red" : "blue");
            message.setPriority((byte) (i % 10));
            producer.send(message);
        }
        producer.close();
    }

    /** A browser shows everything in order and takes nothing. */
    private static void browse(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        ClientSession session = factory.createSession(true, true, 0);
        session.start();
        for (long round = 0; lane.moreRounds(round); round++) {
            String name = lane.address + "." + round;
            CoreLanes.queue(session, name);
            for (int i = 0; i < 100; i++) {
                session.createProducer(name).send(CoreLanes.message(session, false, i));
            }
            for (boolean browseOnly : new boolean[] {true, true, false}) {
                ClientConsumer consumer = session.createConsumer(name, browseOnly);
                for (int i = 0; i < 100; i++) {
                    take(lane, consumer, i).acknowledge();
                }
                lane.check(consumer.receiveImmediate() == null, "one too many, browsing: " + browseOnly);
                consumer.close();
            }
            session.commit();
            lane.equal(0L, session.queueQuery(new SimpleString(name)).getMessageCount(), "messages left");
            session.deleteQueue(name);
        }
    }

    /** Filters of consumers divide a queue; filters of queues divide an address; priorities order it. */
    private static void filters(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        ClientSession session = factory.createSession(true, true, 0);
        session.start();
        for (long round = 0; lane.moreRounds(round); round++) {
            String name = lane.address + "." + round;
            CoreLanes.queue(session, name);
            fill(lane, session, name, 60);
            ClientConsumer high = session.createConsumer(name, "AMQPriority > 6 AND colour IN ('red', 'blue')");
            for (int priority = 9; priority > 6; priority--) {
                for (int i = priority; i < 60; i += 10) {
                    take(lane, high, i).acknowledge();
                }
            }
            lane.check(high.receiveImmediate() == null, "one too many above 6");
            high.close();
            ClientConsumer blue = session.createConsumer(name, "colour LIKE 'bl%' OR colour IS NULL");
            for (int priority = 5; priority > 0; priority -= 2) {
                for (int i = priority; i < 60; i += 10) {
                    take(lane, blue, i).acknowledge();
                }
            }
            lane.check(blue.receiveImmediate() == null, "one too many that is blue");
            blue.close();
            session.commit();
            lane.equal(24L, session.queueQuery(new SimpleString(name)).getMessageCount(), "messages left");
            session.deleteQueue(name);
        }
    }

    /** Every queue of a multicast address gets a copy, filtered by its own filter. */
    private static void multicast(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        ClientSession session = factory.createSession(true, true, 0);
        session.start();
        for (long round = 0; lane.moreRounds(round); round++) {
            String address = lane.address + "." + round;
            session.createAddress(new SimpleString(address), RoutingType.MULTICAST, false);
            session.createQueue(address, RoutingType.MULTICAST, address + ".all", true);
            session.createQueue(address, RoutingType.MULTICAST, address + ".some", "colour = 'blue'", false);
            fill(lane, session, address, 20);
            ClientConsumer all = session.createConsumer(address + ".all");
            ClientConsumer some = session.createConsumer(address + ".some");
            for (int priority = 9; priority >= 0; priority--) {
                for (int i = priority; i < 20; i += 10) {
                    take(lane, all, i).acknowledge();
                    if (i % 2 == 1) {
                        take(lane, some, i).acknowledge();
                    }
                }
            }
            lane.check(all.receiveImmediate() == null && some.receiveImmediate() == null, "one too many");
            all.close();
            some.close();
            session.deleteQueue(address + ".all");
            session.deleteQueue(address + ".some");
        }
    }

    /** A duplicate id is accepted once: silently dropped outside transactions, the commit refused inside. */
    private static void duplicates(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        ClientSession auto = factory.createSession(true, true, 0);
        ClientSession transacted = factory.createSession(false, false, 0);
        CoreLanes.queue(auto, lane.address);
        ClientProducer producer = auto.createProducer(lane.address);
        ClientProducer inTransaction = transacted.createProducer(lane.address);
        ClientConsumer consumer = auto.createConsumer(lane.address);
        auto.start();
        for (long n = 0; lane.moreRounds(n); n++) {
            String id = lane.address + n;
            for (int copy = 0; copy < 2; copy++) {
                producer.send(CoreLanes.message(auto, true, n).putStringProperty(Message.HDR_DUPLICATE_DETECTION_ID.toString(), id));
            }
            inTransaction.send(CoreLanes.message(transacted, true, n).putStringProperty(Message.HDR_DUPLICATE_DETECTION_ID.toString(), id));
            lane.refused(l -> transacted.commit(), "a commit with a duplicate", ActiveMQDuplicateIdException.class);
            transacted.rollback();
            take(lane, consumer, n).acknowledge();
            lane.check(consumer.receiveImmediate() == null, "DOUBLED " + n);
        }
    }

    /** What was handed out and not acknowledged comes again, in order, counted, when the session is rolled back or closed. */
    private static void recover(Lane lane) throws Exception {
        ClientSessionFactory factory = CoreLanes.factory(lane);
        ClientSession out = factory.createSession(true, true, 0);
        CoreLanes.queue(out, lane.address);
        ClientProducer producer = out.createProducer(lane.address);
        for (long round = 0; lane.moreRounds(round); round++) {
            for (int i = 0; i < 20; i++) {
                producer.send(CoreLanes.message(out, true, i));
            }
            ClientSession first = factory.createSession(false, false, 0);
            first.start();
            ClientConsumer consumer = first.createConsumer(lane.address);
            for (int i = 0; i < 10; i++) {
                take(lane, consumer, i).acknowledge();
            }
            first.rollback();
            lane.equal(2, take(lane, consumer, 0).getDeliveryCount(), "delivery count after a rollback");
            first.close();
            ClientSession second = factory.createSession(true, true, 0);
            second.start();
            consumer = second.createConsumer(lane.address);
            for (int i = 0; i < 20; i++) {
                take(lane, consumer, i).acknowledge();
            }
            lane.check(consumer.receiveImmediate() == null, "one too many");
            second.close();
        }
    }
}
