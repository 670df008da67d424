import java.io.BufferedReader;
import java.io.InputStreamReader;
import javax.transaction.xa.XAException;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;
import org.apache.activemq.artemis.api.core.SimpleString;
import org.apache.activemq.artemis.api.core.client.ActiveMQClient;
import org.apache.activemq.artemis.api.core.client.ClientConsumer;
import org.apache.activemq.artemis.api.core.client.ClientMessage;
import org.apache.activemq.artemis.api.core.client.ClientSession;
import org.apache.activemq.artemis.api.core.client.ClientSessionFactory;
import org.apache.activemq.artemis.api.core.client.ServerLocator;
import org.apache.activemq.artemis.core.transaction.impl.XidImpl;

/**
 * One XA session that does what standard input says, a command a line: java XaPuppet URL. Each is answered by a line: OK and a result, or XA and the
 * code. Commands: start, join, resume, end, fail, suspend, prepare, commit, one, rollback, forget, each with the global id of a branch (its branch
 * qualifier is "b", its format 9); recover; send QUEUE TEXT; receive QUEUE.
 */
public final class XaPuppet {
    private static final int FORMAT = 9;
    private final ClientSession session;

    private XaPuppet(ClientSession session) {
        this.session = session;
    }

    public static void main(String[] args) throws Exception {
        try (ServerLocator locator = ActiveMQClient.createServerLocator(args[0]);
                ClientSessionFactory factory = locator.createSessionFactory();
                ClientSession session = factory.createXASession();
                BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
            session.start();
            XaPuppet puppet = new XaPuppet(session);
            System.out.println("READY");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                System.out.println(puppet.answer(line.split(" ", 3)));
            }
        }
    }

    private String answer(String[] words) {
        try {
            return ("OK " + obey(words)).trim();
        } catch (XAException e) {
            return "XA " + e.errorCode;
        } catch (Exception e) {
            return "EXCEPTION " + e;
        }
    }

    private static Xid xid(String name) {
        return new XidImpl("b".getBytes(), FORMAT, name.getBytes());
    }

    private Object obey(String[] words) throws Exception {
        switch (words[0]) {
            case "start":
                session.start(xid(words[1]), XAResource.TMNOFLAGS);
                return "";
            case "join":
                session.start(xid(words[1]), XAResource.TMJOIN);
                return "";
            case "resume":
                session.start(xid(words[1]), XAResource.TMRESUME);
                return "";
            case "end":
                session.end(xid(words[1]), XAResource.TMSUCCESS);
                return "";
            case "fail":
                session.end(xid(words[1]), XAResource.TMFAIL);
                return "";
            case "suspend":
                session.end(xid(words[1]), XAResource.TMSUSPEND);
                return "";
            case "prepare":
                return session.prepare(xid(words[1]));
            case "commit":
                session.commit(xid(words[1]), false);
                return "";
            case "one":
                session.commit(xid(words[1]), true);
                return "";
            case "rollback":
                session.rollback(xid(words[1]));
                return "";
            case "forget":
                session.forget(xid(words[1]));
                return "";
            case "recover":
                return recover();
            case "send":
                ClientMessage message = session.createMessage(ClientMessage.TEXT_TYPE, true);
                message.getBodyBuffer().writeNullableSimpleString(new SimpleString(words[2]));
                session.createProducer(words[1]).send(message);
                return "";
            case "receive":
                return receive(words[1]);
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    private String recover() throws Exception {
        StringBuilder names = new StringBuilder();
        for (Xid xid : session.recover(XAResource.TMSTARTRSCAN)) {
            names.append(new String(xid.getGlobalTransactionId())).append(' ');
        }
        return names.toString();
    }

    private String receive(String queue) throws Exception {
        try (ClientConsumer consumer = session.createConsumer(queue)) {
            ClientMessage message = consumer.receive(30_000);
            message.acknowledge();
            return message.getBodyBuffer().readNullableSimpleString().toString();
        }
    }
}
