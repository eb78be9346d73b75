### vacation
require "vacation"; vacation "I am away";
### vacation with everything
require "vacation"; vacation :days 3 :subject "Away" :from "me@example.test" :addresses ["a@example.test", "b@example.test"] :handle "h" "gone";
### vacation and the rest
require ["vacation", "fileinto"]; fileinto "a"; vacation "x"; keep; discard;
### vacation twice
require "vacation"; vacation "a"; vacation "b";
### vacation :mime
require "vacation"; vacation :mime text:
Content-Type: text/html

<b>away</b>
.
;
### vacation :seconds
require "vacation-seconds"; vacation :seconds 1800 "meeting";
### wrong: days and seconds
require ["vacation", "vacation-seconds"]; vacation :days 1 :seconds 5 "x";
### wrong: seconds without the extension
require "vacation"; vacation :seconds 5 "x";
### wrong: from is no address
require "vacation"; vacation :from "nobody" "x";
### wrong: no reason
require "vacation"; vacation;
### wrong: days as a string
require "vacation"; vacation :days "3" "x";
### a subject from a variable
require ["vacation", "variables"];
if header :matches "subject" "*" { vacation :subject "Automatic response to: ${1}" "I'm away -- send mail to foo in my absence"; }
### RFC 5230 section 4.2, first
require "vacation";
if header :contains "subject" "cyrus" { vacation "I'm out -- send mail to cyrus-bugs"; } else { vacation "I'm out -- call me at +1 304 555 0123"; }
### RFC 5230 section 4.2, handles
require "vacation";
if header :contains "subject" "lunch" { vacation :handle "ran-away" "I'm out and can't meet for lunch"; } else { vacation :handle "ran-away" "I'm out"; }
### RFC 5230 section 4.4
require "vacation";
vacation :mime text:
Content-Type: multipart/alternative; boundary=foo

--foo

I'm at the beach relaxing.  Mmmm, surf...

--foo
Content-Type: text/html; charset=us-ascii

<HTML><BODY><P>I'm at the <A HREF="beach.gif">beach</A> relaxing.</BODY></HTML>

--foo--
.
;
### RFC 5230 section 4.8, first
require "vacation";
vacation :days 23 :addresses ["tjs@example.edu", "ts4z@landru.example.edu"] "I'm away until October 19.
If it's an emergency, call 911, I guess." ;
### RFC 5230 section 4.8, second
require "vacation";
if header :contains "from" "boss@example.edu" { redirect "pleeb@isp.example.org"; } else { vacation "Sorry, I'm away, I'll read your
message when I get around to it."; }
### RFC 5230 section 7, first
require "vacation";
if header :contains ["accept-language", "content-language"] "en" { vacation "I am away this week."; } else { vacation "Estoy ausente esta semana."; }
### RFC 5230 section 7, second
require "vacation";
if address :matches "from" "*@*.example.org" { vacation :subject "Gone fishing" "Having lots of fun! Back in a day or two!"; } else { vacation :subject "Je suis parti cette semaine" "Je lirai votre message quand je retourne."; }
### RFC 6131 section 3, first
require ["vacation-seconds"];
vacation :addresses ["tjs@example.edu", "ts4z@landru.example.edu"] :seconds 1800 "I am in a meeting, and do not have access to email.";
### notify
require "enotify"; notify "mailto:alm@example.com";
### notify with everything
require "enotify"; notify :from "me@example.test" :importance "1" :options ["a=b", "c="] :message "hello" "mailto:alm@example.com";
### notify twice the same
require "enotify"; notify :message "1" "mailto:a@example.com"; notify :message "2" "mailto:a@example.com";
### notify two
require "enotify"; notify :message "1" "mailto:a@example.com"; notify :message "2" "mailto:b@example.com";
### notify, keep and discard
require "enotify"; notify :message "1" "mailto:a@example.com"; discard;
### wrong: importance
require "enotify"; notify :importance "4" "mailto:a@example.com";
### wrong: an option without a value
require "enotify"; notify :options "a" "mailto:a@example.com";
### wrong: from
require "enotify"; notify :from "x" "mailto:a@example.com";
### wrong: to
require "enotify"; notify "mailto:stephan%23example.org";
### wrong: a field of the URI
require "enotify"; notify "mailto:stephan@example.org?header:=frop";
### wrong: to in the URI
require "enotify"; notify "mailto:stephan@example.org?to=nico%23frop.example.org";
### wrong: no scheme
require "enotify"; notify "stephan@example.org";
### a method that is not there
require "enotify"; notify "xmpp:tim@example.com";
### valid_notify_method
require ["enotify", "fileinto"];
if valid_notify_method "mailto:a@example.com" { fileinto "1"; }
if valid_notify_method ["mailto:a@example.com", "xmpp:a@example.com"] { fileinto "2"; }
if valid_notify_method "mailto:stephan%23example.org" { fileinto "3"; }
if valid_notify_method "nothing" { fileinto "4"; }
if not valid_notify_method ["mailto:a@b.test", "http://gw.example.net/notify?test"] { fileinto "5"; }
### notify_method_capability
require ["enotify", "fileinto"];
if notify_method_capability "mailto:a@example.com" "Online" "maybe" { fileinto "1"; }
if notify_method_capability "mailto:a@example.com" "online" ["yes", "no"] { fileinto "2"; }
if notify_method_capability "mailto:a@example.com" "nonsense" "maybe" { fileinto "3"; }
if notify_method_capability "xmpp:a@example.com" "online" "maybe" { fileinto "4"; }
if notify_method_capability :contains "mailto:a@example.com" "online" "ay" { fileinto "5"; }
### encodeurl
require ["enotify", "variables", "fileinto"];
set :encodeurl "body_param" "Safe body&evil=evilbody"; fileinto "${body_param}";
set :encodeurl "u" "a-b._~/ü%"; fileinto "${u}";
notify :message "x" "mailto:tim@example.com?body=${body_param}";
### RFC 5435 section 3.7, first
require ["enotify", "fileinto", "variables"];
if header :contains "from" "coyote" { notify :importance "1" :message "This is probably very important" "mailto:alm@example.com"; stop; }
if header :contains "to" "sievemailinglist@example.org" { notify :importance "3" :message "[SIEVE] x" "mailto:alm@example.com"; fileinto "INBOX.sieve"; }
### RFC 5435 section 3.7, first, for the list @list
require ["enotify", "fileinto", "variables"];
if header :contains "to" "ietf-mta-filters@example.org" {
  if header :matches "Subject" "*" { set "subject" "${1}"; }
  if header :matches "From" "*" { set "from" "${1}"; }
  notify :importance "3" :message "[SIEVE] ${from}: ${subject}" "mailto:alm@example.com"; fileinto "INBOX.sieve"; }
### RFC 5435 section 3.7, second
require ["enotify", "fileinto", "variables", "envelope"];
if header :matches "from" "*@*.example.org*" {
  if envelope :all :matches "from" "*" { set "env_from" " [really: ${1}]"; }
  if header :matches "Subject" "*" { set "subject" "${1}"; }
  if address :matches :all "from" "*" { set "from_addr" "${1}"; }
  notify :message "${from_addr}${env_from}: ${subject}" "mailto:alm@example.com"; }
### RFC 5435 section 3.7, third
require ["enotify", "variables"];
set "notif_method" "xmpp:tim@example.com?message;subject=SIEVE;body=You%20got%20mail";
if header :contains "subject" "Your dog" { set "notif_method" "tel:+14085551212"; }
if header :contains "to" "acme" { set "notif_method" ""; }
if not string :is "${notif_method}" "" { notify "${notif_method}"; }
### RFC 5436 section 3 @list
require ["enotify", "variables"];
if header :contains "list-post" "ietf-mta-filters" { if header :matches "Subject" "[*] *" { notify :message "From ${1} list: ${2}" :importance "3" "mailto:0123456789@sms.example.net?to=backup@example.com"; } }
