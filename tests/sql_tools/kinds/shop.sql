
CREATE TABLE customers(id INTEGER PRIMARY KEY, name VARCHAR, city VARCHAR, country VARCHAR, signed_up DATE, email VARCHAR, vip BOOLEAN);
INSERT INTO customers VALUES (1,'Ana','Lisbon','PT','2023-01-15','ana@x.example',true),(2,'Bo','Oslo','NO','2023-02-20',NULL,false),
 (3,'Cy','Porto','PT','2023-03-31','cy@y.example',false),(4,'Di','Lima','PE','2024-02-29','di@x.example',true),(5,'Ed','Oslo','NO','2024-12-30',NULL,false);
CREATE TABLE products(id INTEGER PRIMARY KEY, name VARCHAR, category VARCHAR, price DECIMAL(10,2), tags VARCHAR[], attrs JSON);
INSERT INTO products VALUES (1,'Lamp','home',20.00,['light','desk'],'{"color":"red","size":{"w":10,"h":20},"parts":[{"n":"a","q":1},{"n":"b","q":2}]}'),
 (2,'Chair','home',55.50,['seat'],'{"color":"blue","size":{"w":40,"h":90},"parts":[]}'),(3,'Pen','office',1.25,[],'{"color":null}'),(4,'Desk','office',120.00,NULL,NULL);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), ordered_on DATE, placed_at TIMESTAMP, status VARCHAR, total DECIMAL(10,2), discount DOUBLE);
INSERT INTO orders VALUES (1,1,'2024-01-05','2024-01-05 10:00:00','paid',75.50,0),(2,1,'2024-01-07','2024-01-07 23:30:00','paid',20.00,0.1),
 (3,2,'2024-02-29','2024-02-29 00:00:00','open',1.25,0),(4,3,'2024-03-31','2024-03-31 12:15:00','paid',120.00,0.05),(5,4,'2024-12-30','2024-12-30 08:00:00','void',55.50,0),(6,NULL,'2024-12-31','2024-12-31 09:00:00','open',10.00,NULL);
CREATE TABLE lines(order_id INTEGER REFERENCES orders(id), line_no INTEGER, product_id INTEGER REFERENCES products(id), qty INTEGER, price DECIMAL(10,2), PRIMARY KEY(order_id,line_no));
INSERT INTO lines VALUES (1,1,1,1,20.00),(1,2,2,1,55.50),(2,1,1,1,20.00),(3,1,3,1,1.25),(4,1,4,1,120.00),(5,1,2,1,55.50);
CREATE TABLE payments(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id), amount DECIMAL(10,2), paid_at TIMESTAMP);
INSERT INTO payments VALUES (1,1,50.00,'2024-01-06'),(2,1,25.50,'2024-01-08'),(3,2,20.00,'2024-01-09'),(4,4,120.00,'2024-04-02');
CREATE TABLE staff(id INTEGER PRIMARY KEY, name VARCHAR, boss_id INTEGER REFERENCES staff(id), salary INTEGER, dept VARCHAR, hired DATE);
INSERT INTO staff VALUES (1,'Zoe',NULL,900,'top','2019-05-01');
INSERT INTO staff VALUES (2,'Yan',1,700,'it','2020-06-01');
INSERT INTO staff VALUES (3,'Xi',2,500,'it','2021-07-01');
INSERT INTO staff VALUES (4,'Wu',1,600,'hr','2020-06-01');
INSERT INTO staff VALUES (5,'Vi',2,500,'it',NULL);
CREATE TABLE quotes(product_id INTEGER, quoted_at TIMESTAMP, price DECIMAL(10,2));
INSERT INTO quotes VALUES (1,'2024-01-01',19),(1,'2024-01-06',21),(2,'2024-01-01',50),(2,'2024-06-01',60);
CREATE TABLE monthly(product_id INTEGER, jan INTEGER, feb INTEGER, mar INTEGER);
INSERT INTO monthly VALUES (1,10,20,NULL),(2,1,2,3);
CREATE TABLE "Order Details"("Order ID" INTEGER, "Größe" VARCHAR, "unit price" DECIMAL(10,2), "select" INTEGER);
INSERT INTO "Order Details" VALUES (1,'M',5.5,1),(2,'L',6.5,2);
CREATE TABLE codes(code VARCHAR, label VARCHAR, n VARCHAR);
INSERT INTO codes VALUES ('001','Uno','10'),('002','Dos','9'),('A%B','Percent','x'),('A_B','Under',NULL);
CREATE VIEW paid_orders AS SELECT * FROM orders WHERE status='paid';
CREATE TABLE spelt(kind VARCHAR);
INSERT INTO spelt VALUES ('paid'), ('Paid'), ('paid'), ('open'), ('open ');
CREATE TABLE nested(s STRUCT(city VARCHAR, geo STRUCT(lat DOUBLE)));
INSERT INTO nested VALUES ({'city': 'Oslo', 'geo': {'lat': 1.5}}), ({'city': 'Lima', 'geo': {'lat': NULL}});
