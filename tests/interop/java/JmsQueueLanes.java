import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.jms.CompletionListener;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.InvalidClientIDException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.artemis.api.jms.ActiveMQJMSConstants;
import org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory;

/** Streams of numbered messages over queues with JMS: every acknowledge mode, listeners, transactions. */
final class JmsQueueLanes {
    static void addTo(Map<String, Lane.Body> lanes) {
        lanes.put("jms.auto", lane -> stream(lane, Session.AUTO_ACKNOWLEDGE, DeliveryMode.PERSISTENT));
        lanes.put("jms.nonpersistent", lane -> stream(lane, Session.AUTO_ACKNOWLEDGE, DeliveryMode.NON_PERSISTENT));
        lanes.put("jms.client", lane -> stream(lane, Session.CLIENT_ACKNOWLEDGE, DeliveryMode.PERSISTENT));
        lanes.put("jms.dupsok", lane -> stream(lane, Session.DUPS_OK_ACKNOWLEDGE, DeliveryMode.PERSISTENT));
        lanes.put("jms.individual", lane -> stream(lane, ActiveMQJMSConstants.INDIVIDUAL_ACKNOWLEDGE, DeliveryMode.PERSISTENT));
        lanes.put("jms.preacknowledge", lane -> stream(lane, ActiveMQJMSConstants.PRE_ACKNOWLEDGE, DeliveryMode.PERSISTENT));
        lanes.put("jms.listener", JmsQueueLanes::listener);
        lanes.put("jms.tx", JmsQueueLanes::transactions);
        lanes.put("jms.completion", JmsQueueLanes::completion);
        lanes.put("jms.competing", JmsQueueLanes::competing);
    }

    static Connection connect(Lane lane, String clientId) throws Exception {
        Connection[] made = new Connection[1];
        lane.fragile(l -> {
            ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(l.run.url);
            if (clientId != null) {
                // So long a client id is in use whose connection was cut in its last moment. And a client that hears nothing more may
                // take twice that and a period to notice, which must end well before its calls do, after 30 s.
                factory.setConnectionTTL(10_000);
                factory.setClientFailureCheckPeriod(2_000);
            }
            made[0] = factory.createConnection();
            if (clientId != null) {
                try {
                    made[0].setClientID(clientId);
                } catch (InvalidClientIDException e) {
                    made[0].close();
                    throw e;
                }
            }
            made[0].setExceptionListener(error -> l.notified.incrementAndGet());
            made[0].start();
        });
        return made[0];
    }

    /**
     * As the owner of a client id, who may just have closed another connection with it: a link cut in that moment leaves the
     * broker to wait for the client that does not come back.
     */
    static Connection reconnect(Lane lane, String clientId) throws Exception {
        for (int tries = 0; ; tries++) {
            try {
                return connect(lane, clientId);
            } catch (InvalidClientIDException e) {
                if (tries == 400) {
                    throw e;
                }
                Thread.sleep(100);
            }
        }
    }

    /** Not before it is connected again, if its broker has just died: closed in an outage, it leaves its sessions behind. */
    static void close(Lane lane, Connection connection) throws Exception {
        lane.fragile(l -> {
            connection.createSession(false, Session.AUTO_ACKNOWLEDGE).close();
            connection.close();
        });
    }

    static Message numbered(Session session, long number) throws JMSException {
        TextMessage message = session.createTextMessage("text of " + number);
        message.setLongProperty("n", number);
        return message;
    }

    static long number(Lane lane, Message message) throws JMSException {
        long number = message.getLongProperty("n");
        if (message instanceof TextMessage) {
            lane.equal("text of " + number, ((TextMessage) message).getText(), "text");
        }
        return number;
    }

    interface Handler {
        void handle(Message message, long number) throws Exception;
    }

    /** Takes 0, 1, 2, ... until the producer is done and all is there; returns the last message. */
    static Message consume(Lane lane, MessageConsumer consumer, Handler handler) throws Exception {
        long heard = System.currentTimeMillis();
        Message last = null;
        while (lane.awaited()) {
            Message message = consumer.receive(250);
            if (message != null) {
                heard = System.currentTimeMillis();
                last = message;
                long number = number(lane, message);
                lane.arrived(number, message.getJMSRedelivered());
                handler.handle(message, number);
            } else if (lane.isDone() && System.currentTimeMillis() - heard > Lane.PATIENCE_MS) {
                lane.missing();
                return last;
            }
        }
        lane.check(consumer.receiveNoWait() == null, "a message too many at the end");
        return last;
    }

    static void produce(Lane lane, Session session, Destination destination, int deliveryMode) throws Exception {
        MessageProducer producer = session.createProducer(destination);
        producer.setDeliveryMode(deliveryMode);
        for (long n = 0; lane.moreInReach(n); n++) {
            long began = System.nanoTime();
            producer.send(numbered(session, n));
            lane.took(began);
            lane.sent.incrementAndGet();
        }
        lane.done();
        producer.close();
    }

    private static void stream(Lane lane, int mode, int deliveryMode) throws Exception {
        Connection connection = connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session in = connection.createSession(false, mode);
        Queue queue = out.createQueue(lane.address);
        MessageConsumer consumer = in.createConsumer(queue);
        boolean every = mode == ActiveMQJMSConstants.INDIVIDUAL_ACKNOWLEDGE;
        lane.start(l -> {
            Message last = consume(l, consumer, (message, number) -> {
                if (every || mode == Session.CLIENT_ACKNOWLEDGE && number % 30 == 29) {
                    message.acknowledge();
                }
            });
            if (mode == Session.CLIENT_ACKNOWLEDGE && last != null) {
                last.acknowledge();
            }
            in.close();
            Session empty = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            Message left = empty.createConsumer(queue).receiveNoWait();
            l.check(left == null, "a message came back after everything was acknowledged");
            close(lane, connection);
        });
        produce(lane, out, queue, deliveryMode);
    }

    private static void listener(Lane lane) throws Exception {
        Connection connection = connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session in = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = out.createQueue(lane.address);
        in.createConsumer(queue).setMessageListener(message -> {
            try {
                lane.arrived(number(lane, message), message.getJMSRedelivered());
            } catch (Throwable error) {
                lane.raised(error);
            }
        });
        produce(lane, out, queue, DeliveryMode.PERSISTENT);
        long deadline = System.currentTimeMillis() + Lane.PATIENCE_MS;
        while (lane.awaited() && System.currentTimeMillis() < deadline) {
            Thread.sleep(20);
        }
        if (lane.awaited()) {
            lane.missing();
        }
        close(lane, connection);
    }

    /** Transactions on both sides, every fifth rolled back; what was rolled back comes again in order, marked. */
    private static void transactions(Lane lane) throws Exception {
        Connection connection = connect(lane, null);
        Session out = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session in = connection.createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = out.createQueue(lane.address);
        MessageConsumer consumer = in.createConsumer(queue);
        lane.start(l -> transactedConsumer(l, in, consumer));
        MessageProducer producer = out.createProducer(queue);
        for (long n = 0, round = 0; lane.moreInReach(n); round++) {
            for (int i = 0; i < 10; i++) {
                producer.send(numbered(out, n + i));
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

    private static void transactedConsumer(Lane lane, Session session, MessageConsumer consumer) throws Exception {
        long heard = System.currentTimeMillis();
        long rolledBack = -1;
        for (long round = 0; lane.awaited(); round++) {
            long next = lane.received.get();
            for (int i = 0; i < 7; i++) {
                Message message = consumer.receive(250);
                if (message == null) {
                    break;
                }
                heard = System.currentTimeMillis();
                long number = number(lane, message);
                lane.expect(next, number);
                next = number + 1;
                lane.check(message.getJMSRedelivered() == number <= rolledBack, "redelivered flag of " + number);
                lane.check(message.getIntProperty("JMSXDeliveryCount") == (number <= rolledBack ? 2 : 1), "delivery count of " + number);
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
    }

    /** Asynchronous sends: each completed once. */
    private static void completion(Lane lane) throws Exception {
        Connection connection = connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Session in = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = out.createQueue(lane.address);
        MessageConsumer consumer = in.createConsumer(queue);
        lane.start(l -> consume(l, consumer, (message, number) -> { }));
        MessageProducer producer = out.createProducer(queue);
        Semaphore room = new Semaphore(100);
        CompletionListener listener = new CompletionListener() {
            @Override
            public void onCompletion(Message message) {
                try {
                    lane.answered(message.getLongProperty("n"));
                } catch (JMSException error) {
                    lane.raised(error);
                }
                room.release();
            }

            @Override
            public void onException(Message message, Exception error) {
                lane.raised(error);
                room.release();
            }
        };
        for (long n = 0; lane.moreInReach(n); n++) {
            room.acquire();
            producer.send(numbered(out, n), listener);
            lane.sent.incrementAndGet();
        }
        lane.done();
        lane.check(room.tryAcquire(100, Lane.PATIENCE_MS, TimeUnit.MILLISECONDS), "completions missing: " + (100 - room.availablePermits()));
        lane.equal(lane.sent.get(), (long) lane.answers(), "completed sends");
    }

    /** Two consumers share a queue: each message goes to one of them, in order for each. */
    private static void competing(Lane lane) throws Exception {
        Connection connection = connect(lane, null);
        Session out = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = out.createQueue(lane.address);
        long[] got = new long[2];
        Semaphore ended = new Semaphore(0);
        for (int c = 0; c < 2; c++) {
            int number = c;
            Session in = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
            MessageConsumer consumer = in.createConsumer(queue);
            lane.start(l -> {
                long last = -1;
                long heard = System.currentTimeMillis();
                while (l.awaited() && System.currentTimeMillis() - heard < Lane.PATIENCE_MS) {
                    Message message = consumer.receive(250);
                    if (message != null) {
                        heard = System.currentTimeMillis();
                        long n = number(l, message);
                        l.check(n > last, "DOUBLED or out of order: " + n + " after " + last);
                        l.check(!message.getJMSRedelivered(), "redelivered " + n);
                        last = n;
                        got[number]++;
                        l.received.incrementAndGet();
                    }
                }
                ended.release();
            });
        }
        produce(lane, out, queue, DeliveryMode.PERSISTENT);
        ended.acquire(2);
        lane.equal(lane.sent.get(), got[0] + got[1], "received by both");
        lane.check(got[0] > 0 && got[1] > 0, "only one consumer was served: " + got[0] + ", " + got[1]);
    }
}
