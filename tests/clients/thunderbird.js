// What a person would do in Thunderbird's window, for tests/clients/thunderbird.py: evaluated there
// before each script, with its arguments as `args`.

const { MailServices } = ChromeUtils.importESModule(
  "resource:///modules/MailServices.sys.mjs",
);
const make = (name, kind) => Cc[`@mozilla.org/${name};1`].createInstance(kind);
const three_pane = Services.wm.getMostRecentWindow("mail:3pane");
const sleep = (time) => new Promise((done) => three_pane.setTimeout(done, time));

const account = () => MailServices.accounts.defaultAccount;
const root = () => account().incomingServer.rootFolder;
const folder = (path) =>
  path.split("/").reduce((above, name) => above?.getChildNamed(name), root());
const tab = () => three_pane.document.getElementById("tabmail").currentTabInfo;
const about = () => tab().chromeBrowser.contentWindow;
const view = () => about().gDBView;
const headers = (path) => [...folder(path).messages].filter((each) => each.subject);

async function until(what, condition) {
  for (let tries = 0; tries < 300; tries++) {
    const found = await condition();
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`in vain waited for ${what}`);
}

async function remember_password(origin, user, password) {
  const login = make("login-manager/loginInfo", Ci.nsILoginInfo);
  login.init(origin, null, origin, user, password, "", "");
  await Services.logins.addLoginAsync(login);
}

async function set_up({ address, password, imaps, submissions, authority }) {
  const certificates = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
  certificates.addCertFromBase64(authority, "CT,,");
  for (const scheme of ["imap", "smtp"])
    await remember_password(`${scheme}://localhost`, address, password);
  const incoming = MailServices.accounts.createIncomingServer(address, "localhost", "imap");
  const outgoing = MailServices.outgoingServer.createServer("smtp");
  outgoing.QueryInterface(Ci.nsISmtpServer);
  [outgoing.hostname, outgoing.username] = ["localhost", address];
  for (const [server, port] of [[incoming, imaps], [outgoing, submissions]]) {
    server.port = port;
    server.socketType = Ci.nsMsgSocketType.SSL;
    server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  }
  incoming.valid = true;
  const identity = MailServices.accounts.createIdentity();
  [identity.email, identity.fullName, identity.valid] = [address, "Alice", true];
  identity.smtpServerKey = outgoing.key;
  const made = MailServices.accounts.createAccount();
  made.incomingServer = incoming;
  made.addIdentity(identity);
  MailServices.accounts.defaultAccount = made;
  incoming.getNewMessages(incoming.rootFolder, null, null);
}

// Show a folder, with that many messages in it.
async function show(path, count) {
  await until(path, () => folder(path));
  about().displayFolder(folder(path));
  const shown = () => view()?.viewFolder === folder(path) && view().rowCount === count;
  await until(`${count} messages in ${path}`, shown);
}

// Open the message of the folder that is shown, and return the text that its reader sees.
async function open(subject) {
  const here = headers(view().viewFolder.name);
  const header = here.find((each) => each.mime2DecodedSubject === subject);
  about().threadTree.selectedIndex = view().findIndexOfMsgHdr(header, true);
  const pane = () => about().messageBrowser.contentWindow;
  const loaded = () => pane().gMessage === header && pane().msgLoaded;
  await until(`${subject} to be shown`, loaded);
  return pane().getMessagePaneBrowser().contentDocument.body.textContent;
}

const act = (command, ...rest) => about().commandController.doCommand(command, ...rest);

// The octets of a message, in base64.
function source(header) {
  const uri = header.folder.getUriForMsg(header);
  let octets = "";
  return new Promise((done, failed) => {
    const listener = {
      QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
      onStartRequest() {},
      onDataAvailable(_, stream, __, count) {
        const input = make("binaryinputstream", Ci.nsIBinaryInputStream);
        input.setInputStream(stream);
        octets += input.readBytes(count);
      },
      onStopRequest(_, status) {
        if (status === 0) done(btoa(octets));
        else failed(new Error(`${uri}: ${status}`));
      },
    };
    const service = MailServices.messageServiceFromURI(uri);
    service.streamMessage(uri, listener, null, null, false, "");
  });
}

const sources = (path) => Promise.all(headers(path).map(source));

// Let the server search; return the subjects found.
async function search(path, words) {
  const session = make("messenger/searchSession", Ci.nsIMsgSearchSession);
  session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder(path));
  for (const [attribute, text] of words) {
    const term = session.createTerm();
    const value = term.value;
    value.attrib = term.attrib = Ci.nsMsgSearchAttrib[attribute];
    value.str = text;
    term.value = value;
    term.op = Ci.nsMsgSearchOp.Contains;
    term.booleanAnd = false;
    session.appendTerm(term);
  }
  const found = [];
  return new Promise((done) => {
    session.registerListener({
      onNewSearch() {},
      onSearchHit: (header) => found.push(header.subject),
      onSearchDone: () => done(found),
    });
    session.search(null);
  });
}

// Write a message in a window of its own, and send it.
async function send(to, subject, body) {
  const fields = make("messengercompose/composefields", Ci.nsIMsgCompFields);
  [fields.to, fields.subject, fields.body] = [to, subject, body];
  const params = make("messengercompose/composeparams", Ci.nsIMsgComposeParams);
  params.composeFields = fields;
  params.type = Ci.nsIMsgCompType.New;
  params.format = Ci.nsIMsgCompFormat.HTML;
  params.identity = account().defaultIdentity;
  MailServices.compose.OpenComposeWindowWithParams(null, params);
  const compose = () => Services.wm.getMostRecentWindow("msgcompose");
  await until("the window", () => compose()?.composeEditorReady);
  compose().goDoCommand("cmd_sendNow");
  await until("the message to be sent", () => !compose());
}
