import java.util.Map;
import java.util.concurrent.Semaphore;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.InvalidClientIDException;
import javax.jms.InvalidDestinationException;
import javax.jms.InvalidSelectorException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.Topic;

/** Topics with JMS: plain, durable and shared subscriptions, with selectors. */
final class JmsTopicLanes {
    static void addTo(Map<String, Lane.Body> lanes) {
        lanes.put("jms.topic", JmsTopicLanes::topic);
        lanes.put("jms.durable", JmsTopicLanes::durable);
        lanes.put("jms.subscriptions", JmsTopicLanes::subscriptions);
        lanes.put("jms.shared", JmsTopicLanes::shared);
        lanes.put("jms.nolocal", JmsTopicLanes::noLocal);
    }

    /** Three subscribers, each sees everything. */
    private static void topic(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = out.createTopic(lane.address);
        for (int i = 0; i < 2; i++) {
            MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(topic);
            lane.start(l -> {
                long next = 0;
                long heard = System.currentTimeMillis();
                while ((!l.isDone() || next < l.sent.get()) && System.currentTimeMillis() - heard < Lane.PATIENCE_MS) {
                    Message message = consumer.receive(250);
                    if (message != null) {
                        heard = System.currentTimeMillis();
                        next = l.expect(next, JmsQueueLanes.number(l, message));
                    }
                }
                l.equal(l.sent.get(), next, "messages of a subscriber");
            });
        }
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(topic);
        lane.start(l -> JmsQueueLanes.consume(l, consumer, (message, number) -> { }));
        JmsQueueLanes.produce(lane, out, topic, DeliveryMode.NON_PERSISTENT);
    }

    /** A durable subscriber that acknowledges by hand. */
    private static void durable(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, lane.address);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session in = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Topic topic = out.createTopic(lane.address);
        MessageConsumer consumer = in.createDurableSubscriber(topic, "subscription");
        lane.start(l -> {
            Message last = JmsQueueLanes.consume(l, consumer, (message, number) -> {
                if (number % 30 == 29) {
                    message.acknowledge();
                }
            });
            if (last != null) {
                last.acknowledge();
            }
            consumer.close();
            in.unsubscribe("subscription");
        });
        JmsQueueLanes.produce(lane, out, topic, DeliveryMode.PERSISTENT);
    }

    private static void publish(Session session, Topic topic, long from, long to) throws JMSException {
        MessageProducer producer = session.createProducer(topic);
        for (long n = from; n < to; n++) {
            Message message = JmsQueueLanes.numbered(session, n);
            message.setStringProperty("parity", n % 2 == 0 ? "even" : "odd");
            producer.send(message);
        }
        producer.close();
    }

    private static void expect(Lane lane, MessageConsumer consumer, long from, long to, int step) throws Exception {
        for (long n = from; n < to; n += step) {
            Message message = consumer.receive(Lane.PATIENCE_MS);
            if (message == null) {
                lane.lost.incrementAndGet();
                throw new Exception("LOST: " + n + " did not come");
            }
            lane.expect(n, JmsQueueLanes.number(lane, message));
        }
        Message more = consumer.receiveNoWait();
        lane.check(more == null, more == null ? "" : "one too many: " + more.getLongProperty("n"));
    }

    /** The life of durable subscriptions: they gather while nobody is there, end with unsubscribe, change with the selector. */
    private static void subscriptions(Lane lane) throws Exception {
        Connection publisher = JmsQueueLanes.connect(lane, null);
        Session out = publisher.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = out.createTopic(lane.address);
        String clientId = "client-" + lane.address;
        for (long round = 0; lane.moreRounds(round); round++) {
            Connection connection = JmsQueueLanes.reconnect(lane, clientId);
            lane.refused(l -> JmsQueueLanes.connect(l, clientId), "a client id in use", InvalidClientIDException.class);
            Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageConsumer plain = session.createConsumer(topic, "parity = 'odd'");
            MessageConsumer consumer = session.createDurableSubscriber(topic, "sub");
            publish(out, topic, 0, 10);
            expect(lane, consumer, 0, 10, 1);
            expect(lane, plain, 1, 10, 2);
            lane.refused(l -> session.unsubscribe("sub"), "unsubscribing a live subscription", JMSException.class);
            JmsQueueLanes.close(lane, connection);
            publish(out, topic, 10, 20);
            connection = JmsQueueLanes.reconnect(lane, clientId);
            Session second = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            consumer = second.createDurableSubscriber(topic, "sub");
            expect(lane, consumer, 10, 20, 1);
            consumer.close();
            publish(out, topic, 20, 30);
            consumer = second.createDurableSubscriber(topic, "sub", "parity = 'even'", false); // another selector: a new subscription
            publish(out, topic, 30, 40);
            expect(lane, consumer, 30, 40, 2);
            lane.refused(l -> second.createConsumer(topic, "a = = b"), "a selector that is none", InvalidSelectorException.class);
            consumer.close();
            second.unsubscribe("sub");
            lane.refused(l -> second.unsubscribe("sub"), "unsubscribing nothing", InvalidDestinationException.class);
            JmsQueueLanes.close(lane, connection);
            lane.sent.addAndGet(40);
        }
    }

    /** Shared subscriptions: their consumers divide the messages, durable or not. */
    private static void shared(Lane lane) throws Exception {
        Connection connection = JmsQueueLanes.connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = out.createTopic(lane.address);
        for (long round = 0; lane.moreRounds(round); round++) {
            Session in = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageConsumer[] consumers = {in.createSharedConsumer(topic, "volatile"), in.createSharedConsumer(topic, "volatile"),
                in.createSharedDurableConsumer(topic, "durable"), in.createSharedDurableConsumer(topic, "durable")};
            publish(out, topic, 0, 20);
            int[] got = new int[4];
            for (int c = 0; c < 4; c++) {
                long last = -1;
                while (got[c] < 20) {
                    Message message = consumers[c].receive(got[c] < 10 ? Lane.PATIENCE_MS : 1);
                    if (message == null) {
                        break;
                    }
                    long n = JmsQueueLanes.number(lane, message);
                    lane.check(n > last, "out of order");
                    last = n;
                    got[c]++;
                }
            }
            lane.check(got[0] == 10 && got[1] == 10 && got[2] == 10 && got[3] == 10, "divided as " + got[0] + " " + got[1] + " " + got[2] + " " + got[3]);
            in.close();
            Session ends = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            ends.unsubscribe("durable");
            ends.close();
            lane.sent.addAndGet(20);
        }
    }

    /** noLocal: not what this connection published. */
    private static void noLocal(Lane lane) throws Exception {
        Connection own = JmsQueueLanes.connect(lane, "own-" + lane.address);
        Connection other = JmsQueueLanes.connect(lane, null);
        Session session = own.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session stranger = other.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = session.createTopic(lane.address);
        for (long round = 0; lane.moreRounds(round); round++) {
            MessageConsumer consumer = session.createConsumer(topic, null, true);
            publish(session, topic, 0, 5);
            publish(stranger, topic, 5, 10);
            expect(lane, consumer, 5, 10, 1);
            consumer.close();
        }
        JmsQueueLanes.close(lane, own);
        JmsQueueLanes.close(lane, other);
    }
}
